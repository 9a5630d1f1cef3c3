import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The transparency log, what the server has signed of it, and the signatures of model versions: rows that are only ever added. */
export class TransparencyLog1700000005000 implements MigrationInterface {
  readonly name = 'TransparencyLog1700000005000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const tables = ['log_entry', 'log_node', 'log_checkpoint', 'log_cosignature', 'model_signature'];

/** Refuses every statement but INSERT and SELECT, even one that would touch no row. */
const appendOnly = (table: string): string => `CREATE TRIGGER "tr_${table}_append_only"
  BEFORE UPDATE OR DELETE OR TRUNCATE ON "${table}" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"()`;

const up = [
  `CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     RAISE EXCEPTION '% of the table %: expected rows to be added only', TG_OP, TG_TABLE_NAME
       USING ERRCODE = 'insufficient_privilege';
   END $$`,
  `CREATE TABLE "log_entry" (
    "index" bigint NOT NULL,
    "at" timestamptz NOT NULL,
    "type" text NOT NULL,
    "site_id" uuid,
    "study_digest" text,
    "round_id" uuid,
    "text" text NOT NULL,
    CONSTRAINT "pk_log_entry" PRIMARY KEY ("index")
  )`,
  `CREATE INDEX "ix_log_entry_type" ON "log_entry" ("type", "index")`,
  `CREATE INDEX "ix_log_entry_site" ON "log_entry" ("site_id", "index") WHERE site_id IS NOT NULL`,
  `CREATE INDEX "ix_log_entry_study" ON "log_entry" ("study_digest", "index") WHERE study_digest IS NOT NULL`,
  `CREATE INDEX "ix_log_entry_round" ON "log_entry" ("round_id", "index") WHERE round_id IS NOT NULL`,
  `CREATE TABLE "log_node" (
    "level" smallint NOT NULL,
    "index" bigint NOT NULL,
    "hash" bytea NOT NULL,
    CONSTRAINT "pk_log_node" PRIMARY KEY ("level", "index")
  )`,
  `CREATE TABLE "log_checkpoint" (
    "size" bigint NOT NULL,
    "note" text NOT NULL,
    "signed_at" timestamptz NOT NULL,
    CONSTRAINT "pk_log_checkpoint" PRIMARY KEY ("size")
  )`,
  `CREATE TABLE "log_cosignature" (
    "size" bigint NOT NULL,
    "site_id" uuid NOT NULL,
    "line" text NOT NULL,
    "received_at" timestamptz NOT NULL,
    CONSTRAINT "pk_log_cosignature" PRIMARY KEY ("size", "site_id"),
    CONSTRAINT "fk_log_cosignature_checkpoint" FOREIGN KEY ("size") REFERENCES "log_checkpoint" ("size"),
    CONSTRAINT "fk_log_cosignature_site" FOREIGN KEY ("site_id") REFERENCES "site" ("id")
  )`,
  `CREATE TABLE "model_signature" (
    "study_id" uuid NOT NULL,
    "version" integer NOT NULL,
    "envelope" text NOT NULL,
    "card" text NOT NULL,
    "signed_at" timestamptz NOT NULL,
    CONSTRAINT "pk_model_signature" PRIMARY KEY ("study_id", "version"),
    CONSTRAINT "fk_model_signature_version" FOREIGN KEY ("study_id", "version") REFERENCES "model_version" ("study_id", "version")
  )`,
  ...tables.map(appendOnly),
];

const down = [...[...tables].reverse().map((table) => `DROP TABLE "${table}"`), `DROP FUNCTION "refuse_change"()`];
