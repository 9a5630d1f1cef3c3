import type { LogEventType } from '@consilium/shared';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';

/** One event of the transparency log. Its leaf is `text` in UTF-8; the other columns repeat of it what people look for. */
@Entity('log_entry')
@Index('ix_log_entry_type', ['type', 'index'])
@Index('ix_log_entry_site', ['siteId', 'index'], { where: 'site_id IS NOT NULL' })
@Index('ix_log_entry_study', ['studyDigest', 'index'], { where: 'study_digest IS NOT NULL' })
@Index('ix_log_entry_round', ['roundId', 'index'], { where: 'round_id IS NOT NULL' })
export class LogEntryEntity {
  /** From 0, without gaps, in the order of commits. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_log_entry', transformer: wholeNumber })
  index!: number;

  @Column('timestamptz')
  at!: Date;

  @Column('text')
  type!: LogEventType;

  @Column('uuid', { name: 'site_id', nullable: true })
  siteId!: string | null;

  @Column('text', { name: 'study_digest', nullable: true })
  studyDigest!: string | null;

  @Column('uuid', { name: 'round_id', nullable: true })
  roundId!: string | null;

  /** Canonical JSON (RFC 8785). */
  @Column('text')
  text!: string;
}
