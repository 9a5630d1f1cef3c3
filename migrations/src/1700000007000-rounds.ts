import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The first release named a study's rule by a word, later ones by an object with the rule's settings. The study keeps the digest
 * under which its sites know it.
 */
export class Rounds1700000007000 implements MigrationInterface {
  readonly name = 'Rounds1700000007000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const RULE = `'{aggregation,rule}'`;

const up = [
  `UPDATE "study" SET "manifest" = jsonb_set("manifest", ${RULE}, jsonb_build_object('name', "manifest"#>${RULE}))
     WHERE jsonb_typeof("manifest"#>${RULE}) = 'string'`,
  // Accounts of transfers are removed by age.
  `CREATE INDEX "ix_transfer_started" ON "transfer" ("started_at")`,
];

const down = [
  `DROP INDEX "ix_transfer_started"`,
  // Only what the first release knew can be said in its words.
  `UPDATE "study" SET "manifest" = jsonb_set("manifest", ${RULE}, "manifest"#>'{aggregation,rule,name}')
     WHERE "manifest"#>${RULE} = '{"name": "fedavg"}'::jsonb`,
];
