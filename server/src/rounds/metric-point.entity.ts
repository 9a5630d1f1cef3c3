import type { TrainingMetrics } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ContributionEntity } from './contribution.entity.js';

/** What a site reported at one step of one round. The key makes a repeated report the same row. */
@Entity('metric_point')
export class MetricPointEntity {
  @PrimaryColumn('uuid', { name: 'round_id', primaryKeyConstraintName: 'pk_metric_point' })
  roundId!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_metric_point' })
  siteId!: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'pk_metric_point' })
  step!: number;

  @ManyToOne(() => ContributionEntity)
  @JoinColumn([
    { name: 'round_id', referencedColumnName: 'roundId', foreignKeyConstraintName: 'fk_metric_point_contribution' },
    { name: 'site_id', referencedColumnName: 'siteId', foreignKeyConstraintName: 'fk_metric_point_contribution' },
  ])
  contribution?: unknown;

  @Column('jsonb')
  metrics!: TrainingMetrics;
}
