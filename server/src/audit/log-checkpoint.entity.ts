import { Column, Entity, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';

/** What the server has signed of its log: a signed note (C2SP tlog-checkpoint) on the tree of the first `size` entries. */
@Entity('log_checkpoint')
export class LogCheckpointEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_log_checkpoint', transformer: wholeNumber })
  size!: number;

  @Column('text')
  note!: string;

  @Column('timestamptz', { name: 'signed_at' })
  signedAt!: Date;
}
