import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which model versions were released, in order, and who signed them off. Rows are only ever added. */
export class Releases1700000009000 implements MigrationInterface {
  readonly name = 'Releases1700000009000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `CREATE TABLE "model_release" (
    "study_id" uuid NOT NULL,
    "number" integer NOT NULL,
    "version" integer NOT NULL,
    "action" text NOT NULL,
    "operator_id" uuid NOT NULL,
    "operator" text NOT NULL,
    "reason" text,
    "at" timestamptz NOT NULL,
    CONSTRAINT "pk_model_release" PRIMARY KEY ("study_id", "number"),
    CONSTRAINT "fk_model_release_version" FOREIGN KEY ("study_id", "version") REFERENCES "model_version" ("study_id", "version")
  )`,
  `CREATE TABLE "model_sign_off" (
    "study_id" uuid NOT NULL,
    "version" integer NOT NULL,
    "operator_id" uuid NOT NULL,
    "operator" text NOT NULL,
    "statement" text NOT NULL,
    "at" timestamptz NOT NULL,
    CONSTRAINT "pk_model_sign_off" PRIMARY KEY ("study_id", "version", "operator_id"),
    CONSTRAINT "fk_model_sign_off_version" FOREIGN KEY ("study_id", "version") REFERENCES "model_version" ("study_id", "version")
  )`,
];

const down = [`DROP TABLE "model_sign_off"`, `DROP TABLE "model_release"`];
