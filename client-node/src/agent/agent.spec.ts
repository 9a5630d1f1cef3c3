import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeHome } from '../settings/node-settings.js';
import { DEFAULT_POLICY } from '../egress/egress-policy.js';
import { EgressRefused, objection } from '../egress/objection.js';
import { NodeFailure } from '../settings/failure.js';
import { assignmentOf, evaluatedAs, FakeServer, FakeTrainer, ROUND_ID, trainedAs } from './agent.fakes.js';
import { Agent, type AgentOptions } from './agent.js';
import { systemClock } from './clock.js';
import { Journal } from './journal.js';
import { silentLog } from './log.js';
import type { NodeState } from './report.js';
import { RequestRefused } from './transport/rest-client.js';

vi.mock('./transport/upload.js', () => ({
  uploadBlob: () => Promise.resolve(),
  forgetUpload: () => Promise.resolve(),
}));

const LATER_ROUND_ID = '2c6a2f7e-6a55-4c1e-8d3f-1c2d3e4f5a6c';

let folder: string;
let server: FakeServer;
let trainer: FakeTrainer;
let states: NodeState[];
let stop: AbortController;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-agent-'));
  server = new FakeServer();
  trainer = new FakeTrainer();
  states = [];
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true, force: true });
});

async function agentWith(more: Partial<AgentOptions> = {}): Promise<Agent> {
  return new Agent({
    site: { siteId: '7a1f36f5-0d6c-4f5a-9d5c-0f9c1a2b3c4d', name: 'north', role: 'trainer' },
    fingerprint: 'ABCD-EFGH-JKMN-PQRS-TVWX',
    data: '/data',
    validation: '/data/validation',
    seed: 0,
    pollSeconds: 1,
    encoding: 'float32',
    untilFinished: true,
    policy: DEFAULT_POLICY,
    // What it lets go is taken by an upload that is none.
    gate: { pass: () => Promise.resolve(undefined as never) },
    rest: server.rest,
    blobs: server.blobs,
    journal: await Journal.open(nodeHome(folder)),
    trainer,
    connect: (events) => server.connect(events),
    sign: (manifest) => Promise.resolve(JSON.stringify(manifest)),
    offers: { attend: () => Promise.resolve(), accepted: (study) => Promise.resolve(study) },
    witness: { see: () => Promise.resolve(), receive: () => Promise.resolve() },
    scalars: { write: () => undefined },
    clock: { now: () => Date.now(), sleep: (_, signal) => systemClock.sleep(20, signal) },
    jitter: () => 0,
    log: silentLog,
    report: (state) => states.push(state),
    ...more,
  });
}

const run = async (more: Partial<AgentOptions> = {}): Promise<void> => (await agentWith(more)).run(stop.signal);

describe('a trainer', () => {
  test('measures a new model, trains the open round, and ends with the study', async () => {
    server.assign = () => (server.updates.length === 0 ? assignmentOf(0, 1) : assignmentOf(1, null, true));
    await run();
    expect(trainer.kinds).toEqual(['survey', 'evaluate', 'train', 'evaluate']);
    expect(server.evaluations.map(({ dice }) => dice)).toEqual([0.5, 0.5]);
    expect(server.updates).toMatchObject([{ roundId: ROUND_ID, labelled: 2, unlabelled: 3, steps: 5 }]);
    expect(states.map(({ state }) => state)).toEqual([
      'starting',
      'ready',
      'evaluated',
      'training',
      'training',
      'submitted',
      'evaluated',
      'finished',
    ]);
  });

  test('says hello with its counts, and reports progress of the round', async () => {
    server.assign = () => (server.updates.length === 0 ? assignmentOf(0, 1) : assignmentOf(0, null, true));
    await run();
    expect(server.hello()).toMatchObject({ engine: 'fake', data: { labelled: 2, unlabelled: 3, validation: 1 } });
    expect(server.progress).toContainEqual(expect.objectContaining({ phase: 'training', done: 5, total: 5 }));
  });

  test('keeps the figures of each step and model for the site itself', async () => {
    server.assign = () => (server.updates.length === 0 ? assignmentOf(1, 2) : assignmentOf(2, null, true));
    const written: [number, string[]][] = [];
    await run({ scalars: { write: (_, step, figures) => written.push([step, Object.keys(figures)]) } });
    const [measured, trained] = [['validation/dice', 'validation/hd95_mm'], ['training/learning_rate']];
    expect(written).toEqual([
      [100, measured],
      [101, trained],
      [105, trained],
      [200, measured],
    ]);
    expect(JSON.stringify(server.progress)).not.toContain('learning_rate');
  });

  test('does not measure or train again after a restart', async () => {
    server.assign = () => (server.updates.length === 0 ? assignmentOf(0, 1) : assignmentOf(0, null, true));
    await run();
    trainer.kinds.length = 0;
    let asked = 0;
    server.assign = () => assignmentOf(0, asked++ < 2 ? 1 : null, asked > 2);
    await run();
    expect(trainer.kinds).toEqual(['survey']);
    expect(server.updates).toHaveLength(1);
  });

  test('sends a finished update that a killed node left behind', async () => {
    const journal = await Journal.open(nodeHome(folder));
    const assignment = assignmentOf(0, 1);
    await journal.beginRound(ROUND_ID);
    await journal.rememberUpdate(ROUND_ID, assignment.round!.base.digest, trainedAs());
    server.assign = () => (server.updates.length === 0 ? assignment : assignmentOf(0, null, true));
    await run();
    expect(trainer.kinds).toEqual(['survey', 'evaluate']);
    expect(server.updates).toHaveLength(1);
  });

  test('leaves a round that closes while it trains', async () => {
    trainer.holds = 'train';
    server.assign = () => assignmentOf(0, 1);
    const running = run();
    await vi.waitFor(() => expect(trainer.kinds).toContain('train'));
    server.assign = () => assignmentOf(1, null, true);
    server.wake();
    await running;
    expect(server.updates).toHaveLength(0);
    expect(states.map(({ state }) => state)).toContain('abandoned');
  });

  test('finishes what it began for a round that closes, where its study carries late updates', async () => {
    trainer.holds = 'train';
    server.assign = () => assignmentOf(0, 1);
    const running = run();
    await vi.waitFor(() => expect(trainer.kinds).toContain('train'));
    const { round } = assignmentOf(0, 2);
    const next = {
      ...assignmentOf(0, 2),
      round: { ...round!, id: LATER_ROUND_ID, late: [ROUND_ID] },
    };
    server.assign = () => (server.updates.length === 0 ? next : assignmentOf(1, null, true));
    server.wake();
    await systemClock.sleep(50);
    trainer.release(trainedAs());
    await running;
    expect(server.updates).toMatchObject([{ roundId: ROUND_ID }]);
  });

  test('waits until the operator has approved its key, and says once what for', async () => {
    server.approvals = ['pending', 'pending'];
    const said: string[] = [];
    await run({ log: { ...silentLog, info: (sentence) => said.push(sentence) } });
    expect(server.approvals).toEqual([]);
    expect(said.filter((sentence) => sentence.includes('ABCD-EFGH-JKMN-PQRS-TVWX'))).toHaveLength(1);
  });

  test('says hello again when it is free and not invited any more', async () => {
    const sentence = 'It made no progress in round 1.';
    const exclusions = [{ site: 'north', since: '2026-01-01T00:00:00Z', sentence }];
    server.assign = () =>
      server.greetings === 0 ? { ...assignmentOf(0, null), exclusions } : assignmentOf(0, null, true);
    await run();
    expect(server.greetings).toBe(1);
  });

  test('A16 an update that the site’s own gate stops is not tried again, nor does the site ask to be invited again', async () => {
    let asked = 0;
    const exclusions = [{ site: 'north', since: '2026-01-01T00:00:00Z', sentence: 'It made no progress in round 1.' }];
    const next = assignmentOf(0, 2, true);
    server.assign = () => {
      if (!states.some(({ state }) => state === 'refused')) return assignmentOf(0, 1);
      return { ...next, round: { ...next.round!, id: LATER_ROUND_ID }, exclusions, finished: ++asked > 3 };
    };
    const stopped = new EgressRefused('update', objection('tensor-unexpected', 'expected no volume, got one'));
    await run({ gate: { pass: () => Promise.reject(stopped) } });
    expect(trainer.kinds).toEqual(['survey', 'evaluate', 'train']);
    expect(server.updates).toEqual([]);
    expect(server.greetings).toBe(0);
    // Neither this round nor the next one waits for it.
    expect(server.left).toEqual([ROUND_ID, LATER_ROUND_ID].map((roundId) => ({ roundId, reason: 'stopped-at-site' })));
    expect(states).toContainEqual(expect.objectContaining({ state: 'refused', round: 1, reason: 'tensor-unexpected' }));
  });

  test('shows a refusal and goes on', async () => {
    const refusal = { reason: 'out-of-bounds', sentence: 'norm 9 is above 3' } as const;
    server.answer = { accepted: false, refusal, receipt: null };
    let after = 0;
    server.assign = () => (server.updates.length > 0 && after++ > 1 ? assignmentOf(0, null, true) : assignmentOf(0, 1));
    await run();
    expect(trainer.kinds.filter((kind) => kind === 'train')).toHaveLength(1);
    expect(states).toContainEqual({
      state: 'refused',
      round: 1,
      reason: 'out-of-bounds',
      sentence: 'norm 9 is above 3',
    });
  });

  test('ends with the reason when its identity is refused or the disk is full', async () => {
    server.assign = () => new RequestRefused(401, 'site-revoked', 'revoked');
    await expect(run()).rejects.toThrow('revoked');
    trainer.fails = { kind: 'train', error: new NodeFailure('disk-full', 'no room') };
    server.assign = () => assignmentOf(0, 1);
    await expect(run()).rejects.toThrow('no room');
  });

  test('leaves a round after three failures and stays', async () => {
    trainer.fails = { kind: 'train', error: new NodeFailure('internal', 'the trainer process ended twice') };
    let asked = 0;
    server.assign = () => (asked++ < 12 ? assignmentOf(0, 1) : assignmentOf(0, null, true));
    await run();
    expect(trainer.kinds.filter((kind) => kind === 'train')).toHaveLength(3);
    expect(server.left).toEqual([{ roundId: ROUND_ID, reason: 'failed-at-site' }]);
    expect(states.at(-1)).toEqual({ state: 'finished' });
  });

  test('waits for a server that is away and goes on', async () => {
    let asked = 0;
    server.assign = () => (asked++ === 0 ? new NodeFailure('server-unreachable', 'away') : assignmentOf(0, null, true));
    await run();
    expect(states.map(({ state }) => state)).toEqual(['starting', 'ready', 'server-away', 'evaluated', 'finished']);
  });

  test('does nothing for a study that is not accepted here, whatever the server assigns', async () => {
    let asked = 0;
    server.assign = () => ({ ...assignmentOf(0, 1), finished: ++asked > 2 });
    await run({ offers: { attend: () => Promise.resolve(), accepted: () => Promise.resolve(null) } });
    expect(trainer.kinds).toEqual(['survey']);
    expect([...server.updates, ...server.evaluations]).toEqual([]);
  });

  test('has nothing to do without volumes', async () => {
    trainer.card = { labelled: 0, unlabelled: 0, validation: 0 };
    await expect(run()).rejects.toMatchObject({ kind: 'bad-data' });
  });
});

test('an observer measures every version that it sees and never trains', async () => {
  trainer.holds = 'evaluate';
  let version = 0;
  server.assign = () => assignmentOf(version, version < 2 ? 1 : null, version === 2);
  const running = run({ site: { siteId: '7a1f36f5-0d6c-4f5a-9d5c-0f9c1a2b3c4d', name: 'test', role: 'observer' } });
  await vi.waitFor(() => expect(trainer.kinds).toContain('evaluate'));
  for (version = 1; version < 2; version++) {
    server.wake();
    await systemClock.sleep(100);
  }
  trainer.release(evaluatedAs(0.25));
  await running;
  expect(new Set(server.evaluations.map(({ model }) => model)).size).toBe(3);
  expect(trainer.kinds).not.toContain('train');
});
