import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A proof that a site has used: it counts once, on whichever server process. Forgotten when it would have expired anyway. */
@Entity('site_proof')
@Index('ix_site_proof_expires_at', ['expiresAt'])
export class SiteProofEntity {
  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_site_proof' })
  siteId!: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_site_proof' })
  jti!: string;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
