import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Transfers by request, and what admission knows of an update. Updates from before were all accepted. */
export class TransfersAndQuarantine1700000002000 implements MigrationInterface {
  readonly name = 'TransfersAndQuarantine1700000002000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `CREATE TABLE "transfer" (
    "id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "direction" text NOT NULL,
    "digest" text NOT NULL,
    "encoding" text NOT NULL,
    "bytes" bigint NOT NULL,
    "milliseconds" integer NOT NULL,
    "started_at" timestamptz NOT NULL,
    CONSTRAINT "pk_transfer" PRIMARY KEY ("id"),
    CONSTRAINT "fk_transfer_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
  `CREATE INDEX "ix_transfer_site" ON "transfer" ("site_id", "started_at")`,
  `ALTER TABLE "update" ADD "state" text NOT NULL DEFAULT 'accepted'`,
  `ALTER TABLE "update" ALTER COLUMN "state" DROP DEFAULT`,
  `ALTER TABLE "update" ADD "norm" double precision NOT NULL DEFAULT 0`,
  `ALTER TABLE "update" ALTER COLUMN "norm" DROP DEFAULT`,
  `ALTER TABLE "update" ADD "sketch" text NOT NULL DEFAULT ''`,
  `ALTER TABLE "update" ALTER COLUMN "sketch" DROP DEFAULT`,
  `ALTER TABLE "update" ADD "quarantine" jsonb`,
  `ALTER TABLE "update" ADD "decided_at" timestamptz`,
];

const down = [
  `ALTER TABLE "update" DROP COLUMN "decided_at"`,
  `ALTER TABLE "update" DROP COLUMN "quarantine"`,
  `ALTER TABLE "update" DROP COLUMN "sketch"`,
  `ALTER TABLE "update" DROP COLUMN "norm"`,
  `ALTER TABLE "update" DROP COLUMN "state"`,
  `DROP TABLE "transfer"`,
];
