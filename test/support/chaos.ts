import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorClient, Random } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import type { TestDatabase } from './databases.js';
import { OPERATOR, ServerProcess } from './server-process.js';

export interface ChaosOptions {
  rounds: number;
  kills: number;
  sites: number;
  seed: number;
  database: TestDatabase;
}

export interface ChaosResult {
  /** Of the last model. */
  digest: string;
  serverKills: number;
  nodeKills: number;
  seconds: number;
}

/** How long the server or a node may live between two kills, milliseconds. */
const LIFE = 600;
const DOWN = 150;

/**
 * One run of a study in which the server (SIGKILL) and light nodes (cut off in whatever they do, their memory lost) are
 * killed at random moments; the same seed kills the same ones after the same times. Without kills it is the peer.
 */
export async function chaos({ rounds, kills, sites, seed, database }: ChaosOptions): Promise<ChaosResult> {
  const home = mkdtempSync(join(tmpdir(), 'consilium-chaos-'));
  const start = (port: number) => ServerProcess.start(home, port, { databaseUrl: database.url });
  let server = await start(0);
  const operator = await OperatorClient.logIn(server.url, OPERATOR);
  const place = { url: server.url, clock: { now: () => new Date() } };
  const federation = await LightFederation.enrol(operator, place, { sites });
  const study = await operator.createStudy(
    lightStudy(`chaos ${kills}`, { count: rounds, minimumSites: sites, quorum: sites, leaseSeconds: 600 }),
  );
  federation.start();
  await operator.setStudy(study.id, 'start');
  const started = performance.now();
  const random = Random.from(seed, 'chaos');
  const done = { server: 0, node: 0 };
  try {
    for (let kill = 0; kill < kills; kill++) {
      await sleep(random.uniform(0, LIFE));
      if (random.chance(0.5)) {
        await server.kill();
        server = await start(server.port);
        done.server += 1;
      } else {
        const site = federation.sites[random.below(sites)];
        federation.killNode(site);
        await sleep(random.uniform(0, DOWN));
        federation.startNode(site);
        done.node += 1;
      }
    }
    await studyEnd(operator, study.id, 120);
    const models = await operator.models(study.id);
    if (models.length !== rounds + 1) throw new Error(`expected ${rounds + 1} models, got ${models.length}`);
    return {
      digest: models.at(-1)!.blob.digest,
      serverKills: done.server,
      nodeKills: done.node,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await federation.stop();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
