import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { SiteEntity } from './site.entity.js';

/** A server process that holds an open socket of a site. A process that dies stops renewing its rows. */
@Entity('presence')
export class PresenceEntity {
  @PrimaryColumn('uuid', { name: 'process_id', primaryKeyConstraintName: 'pk_presence' })
  processId!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_presence' })
  siteId!: string;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_presence_site' })
  site?: unknown;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
