import type { EntityManager } from 'typeorm';

/** Whoever changes several members of a round takes all of them in this order first: no two then wait for each other. */
export async function lockMembers(manager: EntityManager, roundIds: readonly string[]): Promise<void> {
  await manager.query(
    `SELECT 1 FROM "contribution" WHERE "round_id" = ANY($1) ORDER BY "round_id", "site_id" FOR UPDATE`,
    [roundIds],
  );
}
