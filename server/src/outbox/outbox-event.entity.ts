import type { Changed } from '@consilium/shared';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A change that others must hear of, written in the change's own transaction and kept until every process has told it. */
@Entity('outbox_event')
export class OutboxEventEntity {
  @PrimaryGeneratedColumn('increment', { type: 'bigint', primaryKeyConstraintName: 'pk_outbox_event' })
  id!: string;

  /** Of the database: rows become readable in the order of commits, not of their ids. */
  @Column('bigint')
  transaction!: string;

  @Column('text')
  topic!: Changed['topic'];

  @Column('text')
  subject!: string;

  /** Whether sites have reason to ask for their assignment again. */
  @Column('boolean', { name: 'wakes_sites' })
  wakesSites!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
