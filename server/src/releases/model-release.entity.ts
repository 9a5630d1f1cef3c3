import type { Release } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ModelVersionEntity } from '../models/model-version.entity.js';

/** One change of a study's version in use; the one with the highest number counts. */
@Entity('model_release')
export class ModelReleaseEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_model_release' })
  studyId!: string;

  /** From 1 within the study. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'pk_model_release' })
  number!: number;

  @Column('integer')
  version!: number;

  @ManyToOne(() => ModelVersionEntity)
  @JoinColumn([
    { name: 'study_id', referencedColumnName: 'studyId', foreignKeyConstraintName: 'fk_model_release_version' },
    { name: 'version', referencedColumnName: 'version', foreignKeyConstraintName: 'fk_model_release_version' },
  ])
  modelVersion?: unknown;

  @Column('text')
  action!: Release['action'];

  @Column('uuid', { name: 'operator_id' })
  operatorId!: string;

  /** The name as it was then. */
  @Column('text')
  operator!: string;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('timestamptz')
  at!: Date;
}
