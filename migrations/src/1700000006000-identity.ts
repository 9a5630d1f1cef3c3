import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Operators have roles, second factors, accounts at an identity provider, and sessions that can be ended; sites wait for
 * approval, and each of their requests bears a proof that counts once.
 */
export class Identity1700000006000 implements MigrationInterface {
  readonly name = 'Identity1700000006000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `ALTER TABLE "operator" ADD "role" text`,
  // Whoever could log in so far could do everything.
  `UPDATE "operator" SET "role" = 'owner'`,
  `ALTER TABLE "operator" ALTER COLUMN "role" SET NOT NULL`,
  `ALTER TABLE "operator" ALTER COLUMN "password_hash" DROP NOT NULL`,
  `ALTER TABLE "operator" DROP COLUMN "password_changed_at"`,
  `ALTER TABLE "operator" ADD "totp_secret" text`,
  `ALTER TABLE "operator" ADD "totp_confirmed_at" timestamptz`,
  `ALTER TABLE "operator" ADD "totp_last_step" integer`,
  `ALTER TABLE "operator" ADD "recovery_codes" jsonb NOT NULL DEFAULT '[]'`,
  `ALTER TABLE "operator" ADD "oidc_issuer" text`,
  `ALTER TABLE "operator" ADD "oidc_subject" text`,
  `ALTER TABLE "operator" ADD CONSTRAINT "uq_operator_oidc" UNIQUE ("oidc_issuer", "oidc_subject")`,
  `CREATE TABLE "operator_session" (
    "id" uuid NOT NULL,
    "operator_id" uuid NOT NULL,
    "method" text NOT NULL,
    "created_at" timestamptz NOT NULL,
    "expires_at" timestamptz NOT NULL,
    CONSTRAINT "pk_operator_session" PRIMARY KEY ("id"),
    CONSTRAINT "fk_operator_session_operator" FOREIGN KEY ("operator_id") REFERENCES "operator" ("id") ON DELETE CASCADE
  )`,
  `CREATE INDEX "ix_operator_session_operator" ON "operator_session" ("operator_id")`,
  `ALTER TABLE "site" ADD "approved_at" timestamptz`,
  `UPDATE "site" SET "approved_at" = "enrolled_at"`,
  `DROP INDEX "uq_site_name"`,
  `CREATE UNIQUE INDEX "uq_site_name" ON "site" ("name") WHERE state <> 'revoked'`,
  `CREATE TABLE "site_proof" (
    "site_id" uuid NOT NULL,
    "jti" text NOT NULL,
    "expires_at" timestamptz NOT NULL,
    CONSTRAINT "pk_site_proof" PRIMARY KEY ("site_id", "jti")
  )`,
  `CREATE INDEX "ix_site_proof_expires_at" ON "site_proof" ("expires_at")`,
];

const down = [
  `DROP TABLE "site_proof"`,
  `UPDATE "site" SET "state" = 'revoked', "revoked_at" = now() WHERE "state" = 'pending'`,
  `DROP INDEX "uq_site_name"`,
  `CREATE UNIQUE INDEX "uq_site_name" ON "site" ("name") WHERE state = 'enrolled'`,
  `ALTER TABLE "site" DROP COLUMN "approved_at"`,
  `DROP TABLE "operator_session"`,
  `ALTER TABLE "operator" DROP CONSTRAINT "uq_operator_oidc"`,
  // The release before knows only owners with a password.
  `DELETE FROM "operator" WHERE "role" <> 'owner' OR "password_hash" IS NULL`,
  `ALTER TABLE "operator" DROP COLUMN "oidc_subject"`,
  `ALTER TABLE "operator" DROP COLUMN "oidc_issuer"`,
  `ALTER TABLE "operator" DROP COLUMN "recovery_codes"`,
  `ALTER TABLE "operator" DROP COLUMN "totp_last_step"`,
  `ALTER TABLE "operator" DROP COLUMN "totp_confirmed_at"`,
  `ALTER TABLE "operator" DROP COLUMN "totp_secret"`,
  `ALTER TABLE "operator" ADD "password_changed_at" timestamptz NOT NULL DEFAULT now()`,
  `ALTER TABLE "operator" ALTER COLUMN "password_changed_at" DROP DEFAULT`,
  `ALTER TABLE "operator" ALTER COLUMN "password_hash" SET NOT NULL`,
  `ALTER TABLE "operator" DROP COLUMN "role"`,
];
