import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperatorClient } from '@consilium/shared';
import { LightFederation, lightStudy, studyEnd } from '@consilium/server/dist/simulation/federation.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

export interface LightRun {
  sites: number;
  rounds: number;
  /** Channels of the network's first stage. */
  width: number;
}

export interface LightMeasure {
  modelMB: number;
  /** Of each round, from its opening to its commit. */
  seconds: number[];
  serverPeakMB: number;
  /** Resident memory of the server at each look, MB. */
  memoryMB: number[];
  /** From a progress report to its acknowledgement, milliseconds, sorted. */
  controlMs: number[];
  wallSeconds: number;
}

const LOOK_MS = 500;
const MOST_SECONDS_A_ROUND = 120;

/** A study of light nodes, which train nothing, on a server process with the embedded database. */
export async function lightRun({ sites, rounds, width }: LightRun): Promise<LightMeasure> {
  const home = mkdtempSync(join(tmpdir(), 'consilium-bench-'));
  const server = await ServerProcess.start(home);
  const controlMs: number[] = [];
  const memoryMB: number[] = [];
  const looking = setInterval(() => memoryMB.push(residentMB(server.pid, 'VmRSS')), LOOK_MS);
  try {
    const operator = await OperatorClient.logIn(server.url, OPERATOR);
    const place = { url: server.url, clock: { now: () => new Date() } };
    const federation = await LightFederation.enrol(operator, place, {
      sites,
      onControlMessage: (milliseconds) => controlMs.push(milliseconds),
    });
    const settings = { count: rounds, minimumSites: sites, quorum: sites };
    const study = await operator.createStudy(lightStudy('bench', settings, width));
    federation.start();
    await operator.setStudy(study.id, 'start');
    const started = performance.now();
    await studyEnd(operator, study.id, rounds * MOST_SECONDS_A_ROUND);
    const wallSeconds = (performance.now() - started) / 1000;
    await federation.stop();
    const views = await operator.rounds(study.id);
    return {
      modelMB: (views[0].result?.bytes ?? 0) / 1e6,
      seconds: views.map(({ openedAt, closedAt }) => (Date.parse(closedAt!) - Date.parse(openedAt!)) / 1000),
      serverPeakMB: residentMB(server.pid, 'VmHWM'),
      memoryMB,
      controlMs: controlMs.sort((a, b) => a - b),
      wallSeconds,
    };
  } finally {
    clearInterval(looking);
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Linux only; NaN elsewhere. */
function residentMB(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024) / 1e6;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
