import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';
import { SiteEntity } from '../sites/site.entity.js';
import { LogCheckpointEntity } from './log-checkpoint.entity.js';

/** A site's own signature under a checkpoint: it has seen this tree, grown from the one that it saw before. */
@Entity('log_cosignature')
export class LogCosignatureEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_log_cosignature', transformer: wholeNumber })
  size!: number;

  @ManyToOne(() => LogCheckpointEntity)
  @JoinColumn({ name: 'size', foreignKeyConstraintName: 'fk_log_cosignature_checkpoint' })
  checkpoint?: unknown;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_log_cosignature' })
  siteId!: string;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_log_cosignature_site' })
  site?: unknown;

  /** As it stands below a note: "— NAME KEYHASH+SIGNATURE". */
  @Column('text')
  line!: string;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt!: Date;
}
