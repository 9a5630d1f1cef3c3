import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasDebianPostgres, startDebianPostgres, type DebianPostgres } from '../testing/debian-postgres.js';
import { fill } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';

/** Where statements really run at the same time: PGlite would line them up. */
describe.runIf(hasDebianPostgres)('rounds on Postgres 15', () => {
  let postgres: DebianPostgres;
  let server: TestServer;
  beforeAll(async () => {
    postgres = await startDebianPostgres();
    server = await TestServer.start({ settings: { databaseUrl: postgres.url } });
  });
  afterAll(async () => {
    await server.close();
    await postgres.stop();
  });

  it('commit what sites send all at once, each update once', async () => {
    const sites = await Promise.all(['one', 'two', 'three', 'four'].map((name) => FakeSite.enrol(server, name)));
    await Promise.all(sites.map((site) => site.connect()));
    const study = await server.startStudy(tinyStudy('postgres', { count: 3, minimumSites: 4, quorum: 4 }));
    for (let number = 1; number <= 3; number++) {
      await eventually(`round ${number}`, async () => (await sites[0].assignment()).round?.number === number);
      const answers = await Promise.all(
        sites.map(async (site, i) => {
          const update = await site.train(fill('mu', number * 10 + i));
          await site.upload(update);
          const manifest = await site.manifest(update);
          return Promise.all([site.submit(manifest), site.submit(manifest), site.submit(manifest)]);
        }),
      );
      for (const [first, ...again] of answers) {
        expect(first).toMatchObject({ accepted: true });
        for (const answer of again) expect(answer).toEqual(first);
      }
    }
    const finished = async () =>
      ((await server.get(`/studies/${study.id}`)).body as { state: string }).state === 'finished';
    await eventually('the end of the study', finished);
    const rounds = await server.rounds(study.id);
    expect(rounds.map(({ number, state }) => [number, state])).toEqual([
      [1, 'committed'],
      [2, 'committed'],
      [3, 'committed'],
    ]);
    for (const site of sites) site.disconnect();
  });
});
