import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from '../studies/study.entity.js';

/** One site's figures of one model on its own validation volumes; a later report replaces the earlier one. */
@Entity('evaluation')
export class EvaluationEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_evaluation' })
  studyId!: string;

  @PrimaryColumn('text', { name: 'model_digest', primaryKeyConstraintName: 'pk_evaluation' })
  modelDigest!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_evaluation' })
  siteId!: string;

  @ManyToOne(() => StudyEntity)
  @JoinColumn({ name: 'study_id', foreignKeyConstraintName: 'fk_evaluation_study' })
  study?: unknown;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_evaluation_site' })
  site?: unknown;

  @Column('integer')
  volumes!: number;

  @Column('double precision')
  dice!: number;

  /** mm; null where a prediction was empty. */
  @Column('double precision', { nullable: true })
  hd95!: number | null;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt!: Date;
}
