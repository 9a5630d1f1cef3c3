import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperatorClient } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgres, type TestDatabase } from '../support/databases.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

/** One home and one database, as two machines behind a balancer have them. */
describe.runIf(postgres.here)('two server processes on one Postgres 15', { timeout: 150_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'consilium-two-'));
  let database: TestDatabase;
  let servers: ServerProcess[] = [];
  const said: string[] = [];
  beforeAll(async () => {
    database = await postgres.start();
    const start = () => ServerProcess.start(home, 0, { databaseUrl: database.url, onSaid: (text) => said.push(text) });
    // One after the other: the first start makes the operator.
    servers = [await start()];
    servers.push(await start());
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await database.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('A21 race to close rounds, and each round has one aggregate', async () => {
    const [one, two] = await Promise.all(servers.map(({ url }) => OperatorClient.logIn(url, OPERATOR)));
    const clock = { now: () => new Date() };
    const federations = [
      await LightFederation.enrol(one, { url: one.url, clock }, { sites: 2 }),
      await LightFederation.enrol(two, { url: two.url, clock }, { sites: 2 }),
    ];
    const study = await one.createStudy(lightStudy('two processes', { count: 6, minimumSites: 4, quorum: 4 }));
    for (const federation of federations) federation.start();
    await two.setStudy(study.id, 'start');
    await studyEnd(one, study.id, 130);
    for (const federation of federations) await federation.stop();
    const rounds = await two.rounds(study.id);
    expect(rounds.map(({ number, state, contributions }) => [number, state, contributions.length])).toEqual(
      [1, 2, 3, 4, 5, 6].map((number) => [number, 'committed', 4]),
    );
    expect((await one.models(study.id)).map(({ version }) => version)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(said.join('').match(/"round committed"/g)).toHaveLength(6);
    expect(said.join('')).not.toContain('"level":50');
  });
});
