import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Planned rounds, leases, exclusions, carried updates, metric points, and what several server processes share. */
export class DurableRounds1700000003000 implements MigrationInterface {
  readonly name = 'DurableRounds1700000003000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const ACTIVE_INDEX = `CREATE UNIQUE INDEX "uq_round_active" ON "round" ("study_id") WHERE state IN`;

const up = [
  `ALTER TABLE "round" ALTER COLUMN "opened_at" DROP NOT NULL`,
  `ALTER TABLE "round" ALTER COLUMN "deadline" DROP NOT NULL`,
  `ALTER TABLE "round" ADD "lease_seconds" integer NOT NULL DEFAULT 3600`,
  `ALTER TABLE "round" ALTER COLUMN "lease_seconds" DROP DEFAULT`,
  `ALTER TABLE "round" ADD "claimed_by" uuid`,
  `ALTER TABLE "round" ADD "claimed_until" timestamptz`,
  `DROP INDEX "uq_round_active"`,
  `${ACTIVE_INDEX} ('planned', 'open', 'collecting', 'aggregating')`,
  `ALTER TABLE "contribution" ADD "lease_until" timestamptz NOT NULL DEFAULT now()`,
  `ALTER TABLE "contribution" ALTER COLUMN "lease_until" DROP DEFAULT`,
  `ALTER TABLE "contribution" ADD "furthest" integer NOT NULL DEFAULT 0`,
  `ALTER TABLE "contribution" ALTER COLUMN "furthest" DROP DEFAULT`,
  `ALTER TABLE "update" ADD "trained_round_id" uuid`,
  `UPDATE "update" SET "trained_round_id" = "round_id"`,
  `ALTER TABLE "update" ALTER COLUMN "trained_round_id" SET NOT NULL`,
  `ALTER TABLE "update" ADD CONSTRAINT "uq_update_trained" UNIQUE ("trained_round_id", "site_id")`,
  `ALTER TABLE "update" ADD CONSTRAINT "fk_update_trained_round" FOREIGN KEY ("trained_round_id") REFERENCES "round" ("id")`,
  `ALTER TABLE "update" ADD "staleness" integer NOT NULL DEFAULT 0`,
  `ALTER TABLE "update" ALTER COLUMN "staleness" DROP DEFAULT`,
  `ALTER TABLE "site" ADD "excluded_at" timestamptz`,
  `ALTER TABLE "site" ADD "excluded_because" text`,
  `ALTER TABLE "site" ADD "misses" integer NOT NULL DEFAULT 0`,
  `CREATE TABLE "presence" (
    "process_id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "expires_at" timestamptz NOT NULL,
    CONSTRAINT "pk_presence" PRIMARY KEY ("process_id", "site_id"),
    CONSTRAINT "fk_presence_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
  `CREATE TABLE "metric_point" (
    "round_id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "step" integer NOT NULL,
    "metrics" jsonb NOT NULL,
    CONSTRAINT "pk_metric_point" PRIMARY KEY ("round_id", "site_id", "step"),
    CONSTRAINT "fk_metric_point_contribution" FOREIGN KEY ("round_id", "site_id") REFERENCES "contribution" ("round_id", "site_id")
  )`,
  `DELETE FROM "outbox_event"`,
  `ALTER TABLE "outbox_event" ADD "transaction" bigint NOT NULL`,
];

const down = [
  `DELETE FROM "outbox_event"`,
  `ALTER TABLE "outbox_event" DROP COLUMN "transaction"`,
  `DROP TABLE "metric_point"`,
  `DROP TABLE "presence"`,
  `ALTER TABLE "site" DROP COLUMN "misses"`,
  `ALTER TABLE "site" DROP COLUMN "excluded_because"`,
  `ALTER TABLE "site" DROP COLUMN "excluded_at"`,
  `ALTER TABLE "update" DROP COLUMN "staleness"`,
  `ALTER TABLE "update" DROP CONSTRAINT "fk_update_trained_round"`,
  `ALTER TABLE "update" DROP CONSTRAINT "uq_update_trained"`,
  `ALTER TABLE "update" DROP COLUMN "trained_round_id"`,
  `ALTER TABLE "contribution" DROP COLUMN "furthest"`,
  `ALTER TABLE "contribution" DROP COLUMN "lease_until"`,
  `DROP INDEX "uq_round_active"`,
  `${ACTIVE_INDEX} ('open', 'collecting', 'aggregating')`,
  `ALTER TABLE "round" DROP COLUMN "claimed_until"`,
  `ALTER TABLE "round" DROP COLUMN "claimed_by"`,
  `ALTER TABLE "round" DROP COLUMN "lease_seconds"`,
  // The release before knows no planned round: one that was never opened has nothing to lose.
  `DELETE FROM "round" WHERE opened_at IS NULL`,
  `ALTER TABLE "round" ALTER COLUMN "deadline" SET NOT NULL`,
  `ALTER TABLE "round" ALTER COLUMN "opened_at" SET NOT NULL`,
];
