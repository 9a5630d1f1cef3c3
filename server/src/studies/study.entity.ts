import { StudyManifest, type StudyState } from '@consilium/shared';
import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

@Entity('study')
@Unique('uq_study_digest', ['digest'])
@Index('uq_study_running', ['state'], { unique: true, where: "state = 'running'" })
export class StudyEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_study' })
  id!: string;

  /** Of the manifest's canonical JSON: what sites consent to. */
  @Column('text')
  digest!: string;

  @Column('text')
  state!: StudyState;

  /** Why it is paused, where the server paused it. */
  @Column('text', { nullable: true })
  reason!: string | null;

  /** Read through its schema: a setting that a later release has added has its default. */
  @Column('jsonb', { transformer: { to: (manifest: unknown) => manifest, from: (row) => StudyManifest.parse(row) } })
  manifest!: StudyManifest;

  @Column('integer', { name: 'aborts_in_a_row' })
  abortsInARow!: number;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;
}
