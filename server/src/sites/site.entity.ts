import type { DataCard, PublicKey, SiteState } from '@consilium/shared';
import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

export type SiteRole = 'trainer' | 'observer';

/** A revoked site keeps its row; its name may then be enrolled anew, with another key. */
@Entity('site')
@Unique('uq_site_key', ['keyFingerprint'])
@Index('uq_site_name', ['name'], { unique: true, where: "state <> 'revoked'" })
export class SiteEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_site' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  role!: SiteRole;

  @Column('text')
  state!: SiteState;

  @Column('jsonb', { name: 'public_key' })
  publicKey!: PublicKey;

  /** RFC 7638 thumbprint of the public key. */
  @Column('text', { name: 'key_fingerprint' })
  keyFingerprint!: string;

  @Column('text', { nullable: true })
  software!: string | null;

  @Column('text', { nullable: true })
  engine!: string | null;

  /** As the site's last hello said. */
  @Column('jsonb', { nullable: true })
  data!: DataCard | null;

  @Column('timestamptz', { name: 'last_seen', nullable: true })
  lastSeen!: Date | null;

  /** Set while it is not invited to rounds: it was a member of one and did nothing for it. */
  @Column('timestamptz', { name: 'excluded_at', nullable: true })
  excludedAt!: Date | null;

  @Column('text', { name: 'excluded_because', nullable: true })
  excludedBecause!: string | null;

  /** Rounds in a row that it was a member of and did nothing for. */
  @Column('integer', { default: 0 })
  misses!: number;

  @Column('timestamptz', { name: 'enrolled_at' })
  enrolledAt!: Date;

  @Column('timestamptz', { name: 'approved_at', nullable: true })
  approvedAt!: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}
