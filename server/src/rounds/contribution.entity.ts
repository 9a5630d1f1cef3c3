import type { Contribution, Refusal, TrainingMetrics } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { SiteEntity } from '../sites/site.entity.js';
import { RoundEntity } from './round.entity.js';

export type ContributionState = Contribution['state'];

/** The phases of a member's work, in their order. */
export const PHASES = ['fetching', 'evaluating', 'training', 'uploading'] as const satisfies ContributionState[];
/** A member in one of these is waited for. */
export const AWAITED_STATES: ContributionState[] = ['invited', ...PHASES];

/** One member of a round and how far it has come. Rows are written when the round opens and never added later. */
@Entity('contribution')
export class ContributionEntity {
  @PrimaryColumn('uuid', { name: 'round_id', primaryKeyConstraintName: 'pk_contribution' })
  roundId!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_contribution' })
  siteId!: string;

  @ManyToOne(() => RoundEntity)
  @JoinColumn({ name: 'round_id', foreignKeyConstraintName: 'fk_contribution_round' })
  round?: unknown;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_contribution_site' })
  site?: unknown;

  @Column('text')
  state!: ContributionState;

  @Column('integer')
  done!: number;

  @Column('integer')
  total!: number;

  /** Volumes that the site held when the round opened: an update may not claim more. */
  @Column('integer', { name: 'enrolled_labelled' })
  enrolledLabelled!: number;

  @Column('integer', { name: 'enrolled_unlabelled' })
  enrolledUnlabelled!: number;

  @Column('jsonb', { nullable: true })
  metrics!: TrainingMetrics | null;

  @Column('jsonb', { nullable: true })
  refusal!: Refusal | null;

  /** When the round stops waiting for this member, unless it makes progress before. */
  @Column('timestamptz', { name: 'lease_until' })
  leaseUntil!: Date;

  /** How far it has ever come, as `markOf` counts it: only what is beyond renews the lease. */
  @Column('integer')
  furthest!: number;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
