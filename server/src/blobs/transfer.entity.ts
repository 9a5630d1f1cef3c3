import type { TransferEncoding } from '@consilium/shared';
import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';
import { SiteEntity } from '../sites/site.entity.js';

/** One request that moved bytes of a blob between a site and the server, however it ended. */
@Entity('transfer')
@Index('ix_transfer_site', ['siteId', 'startedAt'])
@Index('ix_transfer_started', ['startedAt'])
export class TransferEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_transfer' })
  id!: string;

  @Column('uuid', { name: 'site_id' })
  siteId!: string;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_transfer_site' })
  site?: unknown;

  /** As seen from the site. */
  @Column('text')
  direction!: 'up' | 'down';

  /** Of the blob's content, whatever the encoding. */
  @Column('text')
  digest!: string;

  @Column('text')
  encoding!: TransferEncoding;

  /** Of the body, as they travelled. */
  @Column('bigint', { transformer: wholeNumber })
  bytes!: number;

  @Column('integer')
  milliseconds!: number;

  @Column('timestamptz', { name: 'started_at' })
  startedAt!: Date;
}
