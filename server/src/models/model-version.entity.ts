import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { BlobEntity } from '../blobs/blob.entity.js';
import { wholeNumber } from '../database/column-types.js';
import { StudyEntity } from '../studies/study.entity.js';

/** Version 0 is the initial model; version n is what round n committed. */
@Entity('model_version')
export class ModelVersionEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_model_version' })
  studyId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'pk_model_version' })
  version!: number;

  @ManyToOne(() => StudyEntity)
  @JoinColumn({ name: 'study_id', foreignKeyConstraintName: 'fk_model_version_study' })
  study?: unknown;

  @Column('uuid', { name: 'round_id', nullable: true })
  roundId!: string | null;

  @Column('text', { name: 'blob_digest' })
  blobDigest!: string;

  @ManyToOne(() => BlobEntity)
  @JoinColumn({ name: 'blob_digest', foreignKeyConstraintName: 'fk_model_version_blob' })
  blob?: unknown;

  @Column('bigint', { name: 'blob_bytes', transformer: wholeNumber })
  blobBytes!: number;

  /** What the server's optimiser keeps for the round that starts from this model. */
  @Column('text', { name: 'optimiser_digest', nullable: true })
  optimiserDigest!: string | null;

  @ManyToOne(() => BlobEntity)
  @JoinColumn({ name: 'optimiser_digest', foreignKeyConstraintName: 'fk_model_version_optimiser' })
  optimiser?: unknown;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
