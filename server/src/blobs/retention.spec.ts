import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fill } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';
import { Retention } from './retention.service.js';
import { TransfersService } from './transfers.service.js';

const DAY = 86_400;

let server: TestServer;
let site: FakeSite;
beforeAll(async () => {
  server = await TestServer.start();
  site = await FakeSite.enrol(server, 'one');
  await site.connect();
});
afterAll(async () => {
  site.disconnect();
  await server.close();
});

const isThere = (digest: string) => existsSync(join(server.home, 'blobs', digest.slice(0, 2), digest));

it('what nothing names goes after a week, what a model came from stays, and transfers are told of for 90 days', async () => {
  const rule = { name: 'fedavgm' } as const;
  const study = await server.startStudy({ ...tinyStudy('kept', { count: 2 }), aggregation: { rule } });
  await eventually('an open round', async () => (await site.assignment()).round);
  const unused = await site.upload(Uint8Array.from({ length: 1000 }, (_, i) => i % 251));
  const { app } = server.running;
  const retention = app.get(Retention);
  await retention.enforce();
  expect(isThere(unused)).toBe(true);

  await site.contribute(fill('mu', 1));
  await eventually('a committed round', async () => (await server.rounds(study.id))[0].state === 'committed');
  const named: { digest: string }[] = await app.get<DataSource>(DataSource).query(
    `SELECT blob_digest AS digest FROM "update" UNION SELECT blob_digest FROM model_version
     UNION SELECT optimiser_digest FROM model_version WHERE optimiser_digest IS NOT NULL`,
  );
  // Initial model, update, model and optimiser.
  expect(named).toHaveLength(4);
  const transfers = app.get(TransfersService);
  const [traffic] = (await transfers.traffic()).filter(({ direction }) => direction === 'up');
  server.clock.advance(8 * DAY);
  await retention.enforce();
  expect(isThere(unused)).toBe(false);
  for (const { digest } of named) expect(isThere(digest)).toBe(true);
  expect((await transfers.traffic()).find(({ direction }) => direction === 'up')).toEqual(traffic);
  // What was removed may come again.
  const again = await site.upload(Uint8Array.from({ length: 1000 }, (_, i) => i % 251));
  expect([again, isThere(unused)]).toEqual([unused, true]);

  server.clock.advance(83 * DAY);
  await retention.enforce();
  expect((await transfers.traffic()).find(({ direction }) => direction === 'up')?.transfers).toBe(1);
});
