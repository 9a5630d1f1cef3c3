import { Column, Entity, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';

/** Root of the complete subtree over the leaves from index * 2^level on; level 0 holds the hashes of the leaves. */
@Entity('log_node')
export class LogNodeEntity {
  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'pk_log_node' })
  level!: number;

  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_log_node', transformer: wholeNumber })
  index!: number;

  @Column('bytea')
  hash!: Uint8Array;
}
