import type { Exposure, Quarantine, UpdateManifest } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { BlobEntity } from '../blobs/blob.entity.js';
import { ContributionEntity } from './contribution.entity.js';
import { RoundEntity } from './round.entity.js';

export type UpdateState = 'accepted' | 'quarantined' | 'refused';

/**
 * An update that has passed admission. The signed form is kept whole, so that anyone can check later what came in. Only
 * those in state `accepted` enter the aggregate; the others stay as evidence.
 */
@Entity('update')
@Unique('uq_update_site', ['roundId', 'siteId'])
@Unique('uq_update_trained', ['trainedRoundId', 'siteId'])
export class UpdateEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_update' })
  id!: string;

  @Column('uuid', { name: 'round_id' })
  roundId!: string;

  /** The round that it was trained for; another than `roundId` where it came late and was carried. */
  @Column('uuid', { name: 'trained_round_id' })
  trainedRoundId!: string;

  @ManyToOne(() => RoundEntity)
  @JoinColumn({ name: 'trained_round_id', foreignKeyConstraintName: 'fk_update_trained_round' })
  trainedRound?: unknown;

  /** Committed rounds between the two. */
  @Column('integer')
  staleness!: number;

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

  @Column('text')
  state!: UpdateState;

  /** L2 norm of the change of trained parameters against the base. */
  @Column('double precision')
  norm!: number;

  /** Sketch of that change (shared/src/admission/change-sketch.ts), float32 little-endian, in base64. */
  @Column('text')
  sketch!: string;

  /** What bears on how much it may reveal; null for updates from before it was measured. */
  @Column('jsonb', { nullable: true })
  exposure!: Exposure | null;

  /** Why it waits, or waited, for a person. */
  @Column('jsonb', { nullable: true })
  quarantine!: Quarantine | null;

  /** When a person released or refused it; from then on it is not judged again. */
  @Column('timestamptz', { name: 'decided_at', nullable: true })
  decidedAt!: Date | null;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt!: Date;
}
