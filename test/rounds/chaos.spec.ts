import { describe, expect, it } from 'vitest';
import { chaos } from '../support/chaos.js';
import { embedded, postgres } from '../support/databases.js';

/** `npm run bench -- chaos` is this at full size: 20 rounds, 50 kills. */
describe('a study whose server and nodes are killed at random', { timeout: 240_000 }, () => {
  it.runIf(postgres.here)('A1 A2 ends in the model of the undisturbed run, on Postgres 15', () =>
    expectSameEnd(postgres),
  );
  it.skipIf(postgres.here)('A1 A2 ends in the model of the undisturbed run, on PGlite', () => expectSameEnd(embedded));
});

async function expectSameEnd(kind: typeof embedded): Promise<void> {
  const run = async (kills: number) => {
    const database = await kind.start();
    try {
      return await chaos({ rounds: 6, kills, sites: 3, seed: 1, database });
    } finally {
      await database.stop();
    }
  };
  const [undisturbed, disturbed] = [await run(0), await run(8)];
  expect(disturbed.digest).toBe(undisturbed.digest);
  expect(disturbed.serverKills).toBeGreaterThan(1);
}
