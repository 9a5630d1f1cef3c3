import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ModelVersionEntity } from './model-version.entity.js';

/** The server's signature of a model version and its card, as of the moment when the version was made. */
@Entity('model_signature')
export class ModelSignatureEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_model_signature' })
  studyId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'pk_model_signature' })
  version!: number;

  @ManyToOne(() => ModelVersionEntity)
  @JoinColumn([
    { name: 'study_id', referencedColumnName: 'studyId', foreignKeyConstraintName: 'fk_model_signature_version' },
    { name: 'version', referencedColumnName: 'version', foreignKeyConstraintName: 'fk_model_signature_version' },
  ])
  modelVersion?: unknown;

  /** DSSE envelope as JSON text: what is signed names the digests of model and card. */
  @Column('text')
  envelope!: string;

  /** Canonical JSON. */
  @Column('text')
  card!: string;

  @Column('timestamptz', { name: 'signed_at' })
  signedAt!: Date;
}
