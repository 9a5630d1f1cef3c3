import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Operators, sites, studies, rounds and what they produce. Digests are SHA-256 in hexadecimal, weights thousandths of a volume. */
export class Foundation1700000000000 implements MigrationInterface {
  readonly name = 'Foundation1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [...tables].reverse()) await runner.query(`DROP TABLE "${table}"`);
  }
}

const tables = [
  'operator',
  'site',
  'enrolment_code',
  'blob',
  'study',
  'round',
  'contribution',
  'update',
  'model_version',
  'evaluation',
  'outbox_event',
];

const identity = [
  `CREATE TABLE "operator" (
    "id" uuid NOT NULL,
    "name" text NOT NULL,
    "password_hash" text NOT NULL,
    "password_changed_at" timestamptz NOT NULL,
    "created_at" timestamptz NOT NULL,
    CONSTRAINT "pk_operator" PRIMARY KEY ("id"),
    CONSTRAINT "uq_operator_name" UNIQUE ("name")
  )`,
  `CREATE TABLE "site" (
    "id" uuid NOT NULL,
    "name" text NOT NULL,
    "role" text NOT NULL,
    "state" text NOT NULL,
    "public_key" jsonb NOT NULL,
    "key_fingerprint" text NOT NULL,
    "software" text,
    "engine" text,
    "data" jsonb,
    "last_seen" timestamptz,
    "enrolled_at" timestamptz NOT NULL,
    "revoked_at" timestamptz,
    CONSTRAINT "pk_site" PRIMARY KEY ("id"),
    CONSTRAINT "uq_site_key" UNIQUE ("key_fingerprint")
  )`,
  `CREATE UNIQUE INDEX "uq_site_name" ON "site" ("name") WHERE state = 'enrolled'`,
  `CREATE TABLE "enrolment_code" (
    "id" uuid NOT NULL,
    "site_name" text NOT NULL,
    "role" text NOT NULL,
    "code_hash" text NOT NULL,
    "created_at" timestamptz NOT NULL,
    "expires_at" timestamptz NOT NULL,
    "used_at" timestamptz,
    "site_id" uuid,
    CONSTRAINT "pk_enrolment_code" PRIMARY KEY ("id"),
    CONSTRAINT "uq_enrolment_code_hash" UNIQUE ("code_hash"),
    CONSTRAINT "fk_enrolment_code_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
];

const studies = [
  `CREATE TABLE "blob" (
    "digest" text NOT NULL,
    "bytes" bigint NOT NULL,
    "uploaded_by" uuid,
    "created_at" timestamptz NOT NULL,
    CONSTRAINT "pk_blob" PRIMARY KEY ("digest"),
    CONSTRAINT "fk_blob_site" FOREIGN KEY ("uploaded_by") REFERENCES "site" ("id")
  )`,
  `CREATE TABLE "study" (
    "id" uuid NOT NULL,
    "digest" text NOT NULL,
    "state" text NOT NULL,
    "reason" text,
    "manifest" jsonb NOT NULL,
    "aborts_in_a_row" integer NOT NULL,
    "created_at" timestamptz NOT NULL,
    "started_at" timestamptz,
    CONSTRAINT "pk_study" PRIMARY KEY ("id"),
    CONSTRAINT "uq_study_digest" UNIQUE ("digest")
  )`,
  `CREATE UNIQUE INDEX "uq_study_running" ON "study" ("state") WHERE state = 'running'`,
];

const rounds = [
  `CREATE TABLE "round" (
    "id" uuid NOT NULL,
    "study_id" uuid NOT NULL,
    "number" integer NOT NULL,
    "attempt" integer NOT NULL,
    "state" text NOT NULL,
    "base_digest" text NOT NULL,
    "base_bytes" bigint NOT NULL,
    "quorum" integer NOT NULL,
    "opened_at" timestamptz NOT NULL,
    "deadline" timestamptz NOT NULL,
    "closed_at" timestamptz,
    "reason" text,
    "result_digest" text,
    "result_bytes" bigint,
    CONSTRAINT "pk_round" PRIMARY KEY ("id"),
    CONSTRAINT "uq_round_attempt" UNIQUE ("study_id", "number", "attempt"),
    CONSTRAINT "fk_round_study" FOREIGN KEY ("study_id") REFERENCES "study" ("id")
  )`,
  `CREATE UNIQUE INDEX "uq_round_active" ON "round" ("study_id") WHERE state IN ('open', 'collecting', 'aggregating')`,
  `CREATE TABLE "contribution" (
    "round_id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "state" text NOT NULL,
    "done" integer NOT NULL,
    "total" integer NOT NULL,
    "enrolled_labelled" integer NOT NULL,
    "enrolled_unlabelled" integer NOT NULL,
    "metrics" jsonb,
    "refusal" jsonb,
    "updated_at" timestamptz NOT NULL,
    CONSTRAINT "pk_contribution" PRIMARY KEY ("round_id", "site_id"),
    CONSTRAINT "fk_contribution_round" FOREIGN KEY ("round_id") REFERENCES "round" ("id"),
    CONSTRAINT "fk_contribution_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
  `CREATE TABLE "update" (
    "id" uuid NOT NULL,
    "round_id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "jws" text NOT NULL,
    "manifest" jsonb NOT NULL,
    "blob_digest" text NOT NULL,
    "weight_thousandths" integer NOT NULL,
    "received_at" timestamptz NOT NULL,
    CONSTRAINT "pk_update" PRIMARY KEY ("id"),
    CONSTRAINT "uq_update_site" UNIQUE ("round_id", "site_id"),
    CONSTRAINT "fk_update_contribution" FOREIGN KEY ("round_id", "site_id") REFERENCES "contribution" ("round_id", "site_id"),
    CONSTRAINT "fk_update_blob" FOREIGN KEY ("blob_digest") REFERENCES "blob" ("digest")
  )`,
  `CREATE TABLE "model_version" (
    "study_id" uuid NOT NULL,
    "version" integer NOT NULL,
    "round_id" uuid,
    "blob_digest" text NOT NULL,
    "blob_bytes" bigint NOT NULL,
    "created_at" timestamptz NOT NULL,
    CONSTRAINT "pk_model_version" PRIMARY KEY ("study_id", "version"),
    CONSTRAINT "fk_model_version_study" FOREIGN KEY ("study_id") REFERENCES "study" ("id"),
    CONSTRAINT "fk_model_version_blob" FOREIGN KEY ("blob_digest") REFERENCES "blob" ("digest")
  )`,
  `CREATE TABLE "evaluation" (
    "study_id" uuid NOT NULL,
    "model_digest" text NOT NULL,
    "site_id" uuid NOT NULL,
    "volumes" integer NOT NULL,
    "dice" double precision NOT NULL,
    "hd95" double precision,
    "received_at" timestamptz NOT NULL,
    CONSTRAINT "pk_evaluation" PRIMARY KEY ("study_id", "model_digest", "site_id"),
    CONSTRAINT "fk_evaluation_study" FOREIGN KEY ("study_id") REFERENCES "study" ("id"),
    CONSTRAINT "fk_evaluation_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
];

const outbox = [
  `CREATE TABLE "outbox_event" (
    "id" BIGSERIAL NOT NULL,
    "topic" text NOT NULL,
    "subject" text NOT NULL,
    "wakes_sites" boolean NOT NULL,
    "created_at" timestamptz NOT NULL,
    CONSTRAINT "pk_outbox_event" PRIMARY KEY ("id")
  )`,
];

const statements = [...identity, ...studies, ...rounds, ...outbox];
