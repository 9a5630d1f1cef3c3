import type { OperatorRole } from '@consilium/shared';
import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

@Entity('operator')
@Unique('uq_operator_name', ['name'])
@Unique('uq_operator_oidc', ['oidcIssuer', 'oidcSubject'])
export class OperatorEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_operator' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text')
  role!: OperatorRole;

  /** argon2id, in the PHC string format; null for whoever logs in at an identity provider. */
  @Column('text', { name: 'password_hash', nullable: true })
  passwordHash!: string | null;

  /** Sealed with the home's key. */
  @Column('text', { name: 'totp_secret', nullable: true })
  totpSecret!: string | null;

  /** Null while the secret has been shown and no code of it has come back. */
  @Column('timestamptz', { name: 'totp_confirmed_at', nullable: true })
  totpConfirmedAt!: Date | null;

  /** The newest period of 30 s of which a code was taken: none counts twice. */
  @Column('integer', { name: 'totp_last_step', nullable: true })
  totpLastStep!: number | null;

  /** Hashes of those that have not been used. */
  @Column('jsonb', { name: 'recovery_codes', default: [] })
  recoveryCodes!: string[];

  @Column('text', { name: 'oidc_issuer', nullable: true })
  oidcIssuer!: string | null;

  @Column('text', { name: 'oidc_subject', nullable: true })
  oidcSubject!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
