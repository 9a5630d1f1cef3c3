import type { RoundState } from '@consilium/shared';
import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';
import { StudyEntity } from '../studies/study.entity.js';

/** `number` counts committed models, so that an aborted round is tried again under the same number as another attempt. */
@Entity('round')
@Unique('uq_round_attempt', ['studyId', 'number', 'attempt'])
@Index('uq_round_active', ['studyId'], {
  unique: true,
  where: "state IN ('planned', 'open', 'collecting', 'aggregating')",
})
export class RoundEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_round' })
  id!: string;

  @Column('uuid', { name: 'study_id' })
  studyId!: string;

  @ManyToOne(() => StudyEntity)
  @JoinColumn({ name: 'study_id', foreignKeyConstraintName: 'fk_round_study' })
  study?: unknown;

  @Column('integer')
  number!: number;

  @Column('integer')
  attempt!: number;

  @Column('text')
  state!: RoundState;

  @Column('text', { name: 'base_digest' })
  baseDigest!: string;

  @Column('bigint', { name: 'base_bytes', transformer: wholeNumber })
  baseBytes!: number;

  @Column('integer')
  quorum!: number;

  /** Of a member that makes no progress; kept by the round, so that no later setting can cut a lease short. */
  @Column('integer', { name: 'lease_seconds' })
  leaseSeconds!: number;

  /** Null while the round is planned. */
  @Column('timestamptz', { name: 'opened_at', nullable: true })
  openedAt!: Date | null;

  @Column('timestamptz', { nullable: true })
  deadline!: Date | null;

  /** The server process that computes the aggregate, as long as it renews this. */
  @Column('uuid', { name: 'claimed_by', nullable: true })
  claimedBy!: string | null;

  @Column('timestamptz', { name: 'claimed_until', nullable: true })
  claimedUntil!: Date | null;

  @Column('timestamptz', { name: 'closed_at', nullable: true })
  closedAt!: Date | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { name: 'result_digest', nullable: true })
  resultDigest!: string | null;

  @Column('bigint', { name: 'result_bytes', nullable: true, transformer: wholeNumber })
  resultBytes!: number | null;
}
