import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ModelVersionEntity } from '../models/model-version.entity.js';

/** One person vouches for one model version, once. */
@Entity('model_sign_off')
export class ModelSignOffEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_model_sign_off' })
  studyId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'pk_model_sign_off' })
  version!: number;

  @PrimaryColumn('uuid', { name: 'operator_id', primaryKeyConstraintName: 'pk_model_sign_off' })
  operatorId!: string;

  @ManyToOne(() => ModelVersionEntity)
  @JoinColumn([
    { name: 'study_id', referencedColumnName: 'studyId', foreignKeyConstraintName: 'fk_model_sign_off_version' },
    { name: 'version', referencedColumnName: 'version', foreignKeyConstraintName: 'fk_model_sign_off_version' },
  ])
  modelVersion?: unknown;

  /** The name as it was then. */
  @Column('text')
  operator!: string;

  @Column('text')
  statement!: string;

  @Column('timestamptz')
  at!: Date;
}
