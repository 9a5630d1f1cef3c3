import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { SiteEntity, type SiteRole } from '../sites/site.entity.js';

/** A one-time permission to become a site; only the code's hash is kept. */
@Entity('enrolment_code')
@Unique('uq_enrolment_code_hash', ['codeHash'])
export class EnrolmentCodeEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_enrolment_code' })
  id!: string;

  @Column('text', { name: 'site_name' })
  siteName!: string;

  @Column('text')
  role!: SiteRole;

  @Column('text', { name: 'code_hash' })
  codeHash!: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'used_at', nullable: true })
  usedAt!: Date | null;

  @Column('uuid', { name: 'site_id', nullable: true })
  siteId!: string | null;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_enrolment_code_site' })
  site?: unknown;
}
