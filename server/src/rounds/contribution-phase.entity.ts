import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { ContributionEntity, type ContributionState } from './contribution.entity.js';

/** When a member of a round first entered a state. Written by a trigger of the database (migration 1700000010000). */
@Entity('contribution_phase')
export class ContributionPhaseEntity {
  @PrimaryColumn('uuid', { name: 'round_id', primaryKeyConstraintName: 'pk_contribution_phase' })
  roundId!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_contribution_phase' })
  siteId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_contribution_phase' })
  state!: ContributionState;

  @ManyToOne(() => ContributionEntity)
  @JoinColumn([
    {
      name: 'round_id',
      referencedColumnName: 'roundId',
      foreignKeyConstraintName: 'fk_contribution_phase_contribution',
    },
    { name: 'site_id', referencedColumnName: 'siteId', foreignKeyConstraintName: 'fk_contribution_phase_contribution' },
  ])
  contribution?: unknown;

  @Column('timestamptz')
  at!: Date;
}
