import type { RoundState } from '@consilium/shared';
import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';
import { StudyEntity } from '../studies/study.entity.js';

/** `number` counts committed models, so that an aborted round is tried again under the same number as another attempt. */
@Entity('round')
@Unique('uq_round_attempt', ['studyId', 'number', 'attempt'])
@Index('uq_round_active', ['studyId'], { unique: true, where: "state IN ('open', 'collecting', 'aggregating')" })
export class RoundEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_round' })
  id!: string;

  @Column('uuid', { name: 'study_id' })
  studyId!: string;

  @ManyToOne(() => StudyEntity)
  @JoinColumn({ name: 'study_id', foreignKeyConstraintName: 'fk_round_study' })
  study?: unknown;

  @Column('integer')
  number!: number;

  @Column('integer')
  attempt!: number;

  @Column('text')
  state!: RoundState;

  @Column('text', { name: 'base_digest' })
  baseDigest!: string;

  @Column('bigint', { name: 'base_bytes', transformer: wholeNumber })
  baseBytes!: number;

  @Column('integer')
  quorum!: number;

  @Column('timestamptz', { name: 'opened_at' })
  openedAt!: Date;

  @Column('timestamptz')
  deadline!: Date;

  @Column('timestamptz', { name: 'closed_at', nullable: true })
  closedAt!: Date | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { name: 'result_digest', nullable: true })
  resultDigest!: string | null;

  @Column('bigint', { name: 'result_bytes', nullable: true, transformer: wholeNumber })
  resultBytes!: number | null;
}
