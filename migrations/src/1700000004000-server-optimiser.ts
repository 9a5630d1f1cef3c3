import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a server's optimiser keeps goes with the model version; weights are computed from the updates' manifests. */
export class ServerOptimiser1700000004000 implements MigrationInterface {
  readonly name = 'ServerOptimiser1700000004000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `ALTER TABLE "model_version" ADD "optimiser_digest" text`,
  `ALTER TABLE "model_version" ADD CONSTRAINT "fk_model_version_optimiser" FOREIGN KEY ("optimiser_digest") REFERENCES "blob" ("digest")`,
  `ALTER TABLE "update" DROP COLUMN "weight_thousandths"`,
];

const down = [
  `ALTER TABLE "update" ADD "weight_thousandths" integer`,
  // As the release before computed them where a study did not say otherwise.
  `UPDATE "update" SET "weight_thousandths" = round((1000 * (manifest->>'labelled')::numeric + 100 * (manifest->>'unlabelled')::numeric) / (1 + "staleness"))`,
  `ALTER TABLE "update" ALTER COLUMN "weight_thousandths" SET NOT NULL`,
  `ALTER TABLE "model_version" DROP CONSTRAINT "fk_model_version_optimiser"`,
  `ALTER TABLE "model_version" DROP COLUMN "optimiser_digest"`,
];
