import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When each member of a round entered each of its states, for timelines. A trigger writes it: whoever changes a state, the
 * mark is made in the same statement. A state that is entered again keeps its first mark, so a row has few of them.
 */
export class ContributionPhases1700000010000 implements MigrationInterface {
  readonly name = 'ContributionPhases1700000010000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of up) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of down) await runner.query(statement);
  }
}

const up = [
  `CREATE TABLE "contribution_phase" (
    "round_id" uuid NOT NULL,
    "site_id" uuid NOT NULL,
    "state" text NOT NULL,
    "at" timestamptz NOT NULL,
    CONSTRAINT "pk_contribution_phase" PRIMARY KEY ("round_id", "site_id", "state"),
    CONSTRAINT "fk_contribution_phase_contribution" FOREIGN KEY ("round_id", "site_id") REFERENCES "contribution" ("round_id", "site_id")
  )`,
  // Of rounds before this release only the ends are known.
  `INSERT INTO "contribution_phase" SELECT c."round_id", c."site_id", 'invited', r."opened_at"
     FROM "contribution" c JOIN "round" r ON r."id" = c."round_id" WHERE r."opened_at" IS NOT NULL`,
  `INSERT INTO "contribution_phase" SELECT "round_id", "site_id", "state", "updated_at" FROM "contribution"
     ON CONFLICT DO NOTHING`,
  `CREATE FUNCTION "mark_contribution_phase"() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO "contribution_phase" VALUES (NEW."round_id", NEW."site_id", NEW."state", NEW."updated_at")
        ON CONFLICT DO NOTHING;
      RETURN NULL;
    END $$`,
  `CREATE TRIGGER "contribution_enters" AFTER INSERT ON "contribution"
     FOR EACH ROW EXECUTE FUNCTION "mark_contribution_phase"()`,
  `CREATE TRIGGER "contribution_moves_on" AFTER UPDATE OF "state" ON "contribution"
     FOR EACH ROW WHEN (OLD."state" IS DISTINCT FROM NEW."state") EXECUTE FUNCTION "mark_contribution_phase"()`,
];

const down = [
  `DROP TRIGGER "contribution_moves_on" ON "contribution"`,
  `DROP TRIGGER "contribution_enters" ON "contribution"`,
  `DROP FUNCTION "mark_contribution_phase"`,
  `DROP TABLE "contribution_phase"`,
];
