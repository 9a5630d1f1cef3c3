import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each site's last word on each study. Nobody has consented before: studies that run wait for their sites. */
export class Consents1700000011000 implements MigrationInterface {
  readonly name = 'Consents1700000011000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "consent" (
        "study_id" uuid NOT NULL,
        "site_id" uuid NOT NULL,
        "decision" text NOT NULL,
        "jws" text NOT NULL,
        "decided_at" timestamptz NOT NULL,
        CONSTRAINT "pk_consent" PRIMARY KEY ("study_id", "site_id"),
        CONSTRAINT "fk_consent_study" FOREIGN KEY ("study_id") REFERENCES "study" ("id"),
        CONSTRAINT "fk_consent_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
      )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "consent"`);
  }
}
