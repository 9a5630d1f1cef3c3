import type { UpdateManifest } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { BlobEntity } from '../blobs/blob.entity.js';
import { ContributionEntity } from './contribution.entity.js';

/** An accepted update. The signed form is kept whole, so that anyone can check later what was accepted. */
@Entity('update')
@Unique('uq_update_site', ['roundId', 'siteId'])
export class UpdateEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_update' })
  id!: string;

  @Column('uuid', { name: 'round_id' })
  roundId!: string;

  @Column('uuid', { name: 'site_id' })
  siteId!: string;

  @ManyToOne(() => ContributionEntity)
  @JoinColumn([
    { name: 'round_id', referencedColumnName: 'roundId', foreignKeyConstraintName: 'fk_update_contribution' },
    { name: 'site_id', referencedColumnName: 'siteId', foreignKeyConstraintName: 'fk_update_contribution' },
  ])
  contribution?: unknown;

  @Column('text')
  jws!: string;

  @Column('jsonb')
  manifest!: UpdateManifest;

  @Column('text', { name: 'blob_digest' })
  blobDigest!: string;

  @ManyToOne(() => BlobEntity)
  @JoinColumn({ name: 'blob_digest', foreignKeyConstraintName: 'fk_update_blob' })
  blob?: unknown;

  /** Thousandths of a labelled volume: whole numbers, so that sums do not depend on their order. */
  @Column('integer', { name: 'weight_thousandths' })
  weightThousandths!: number;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt!: Date;
}
