import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What admission measures of how much an update may reveal. Of updates from before it is not known. */
export class UpdateExposure1700000012500 implements MigrationInterface {
  readonly name = 'UpdateExposure1700000012500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "update" ADD "exposure" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "update" DROP COLUMN "exposure"`);
  }
}
