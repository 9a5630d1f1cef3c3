import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openContext } from '../server.js';
import { fill } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';
import { recompute, type Recomputation } from './recompute.js';
import { UpdateEntity } from './update.entity.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Exit code and output of the command, in a process of its own. */
function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'rounds', 'recompute', ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe('a round that is recomputed', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start({ durable: true });
    const sites = [await FakeSite.enrol(server, 'one'), await FakeSite.enrol(server, 'two', { unlabelled: 7 })];
    for (const site of sites) await site.connect();
    const study = await server.startStudy({
      ...tinyStudy('adaptive', { count: 2, minimumSites: 2, quorum: 2 }),
      aggregation: { rule: { name: 'fedadam' } },
    });
    for (const number of [1, 2]) {
      for (const [i, site] of sites.entries()) {
        await eventually(`round ${number}`, async () => (await site.assignment()).round?.number === number);
        await site.contribute(fill('mu', number + i));
      }
    }
    await eventually('both rounds', async () => {
      const rounds = await server.rounds(study.id);
      return rounds.length === 2 && rounds.every(({ state }) => state === 'committed');
    });
    for (const site of sites) site.disconnect();
    await server.running.close();
  }, 240_000);
  afterAll(() => server.close());

  it('gives the same model and the same optimiser, and says so by its exit code', { timeout: 240_000 }, async () => {
    const { code, stdout } = await command('2', '--home', server.home, '--json');
    expect(code).toBe(0);
    const found = JSON.parse(stdout) as Recomputation;
    expect(found).toMatchObject({ study: 'adaptive', round: 2, updates: 2, outcome: 'same', missing: [] });
    expect(found.model!.recomputed).toBe(found.model!.stored);
    expect(found.optimiser!.recomputed).toBe(found.optimiser!.stored);
    const none = await command('3', '--home', server.home);
    expect(none).toMatchObject({ code: 2, stderr: 'Expected a committed round 3 in one study, got none.\n' });
  });

  it('is told from another model, and from one that cannot be made any more', { timeout: 240_000 }, async () => {
    const context = await openContext(server.settings);
    const { manager } = context.dataSource;
    try {
      const again = (number: number) => recompute(context.process, { number, studyId: undefined });
      const before = await again(1);
      expect(before.outcome).toBe('same');
      const [update] = await manager.find(UpdateEntity, { order: { receivedAt: 'ASC' }, take: 1 });
      await manager.update(UpdateEntity, { id: update.id }, { manifest: { ...update.manifest, labelled: 1 } });
      const other = await again(1);
      expect(other.outcome).toBe('different');
      expect(other.model!.stored).toBe(before.model!.stored);
      const file = join(context.process.home.blobs, update.blobDigest.slice(0, 2), update.blobDigest);
      renameSync(file, `${file}-gone`);
      expect(await again(1)).toMatchObject({ outcome: 'missing', model: null, missing: [update.blobDigest] });
    } finally {
      await context.close();
    }
  });
});
