import 'reflect-metadata';
import {
  float32Tensor,
  type ModelLineage,
  type Participation,
  type PrototypeReport,
  type RoundSummary,
  type RoundTimeline,
  type RoundView,
  type StudyCurves,
  type UpdateEvidence,
} from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fill, METRICS } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';

let server: TestServer;
let studyId = '';
let roundId = '';
const sites: FakeSite[] = [];

/** One round that `anna` and `bert` complete, and that refuses what `carl` sends. */
beforeAll(async () => {
  server = await TestServer.start();
  for (const [name, labelled] of [['anna', 3] as const, ['bert', 1] as const, ['carl', 2] as const]) {
    const site = await FakeSite.enrol(server, name, { labelled });
    expect(await site.connect()).toEqual({ ok: true });
    sites.push(site);
  }
  const [anna, bert, carl] = sites;
  studyId = (await server.startStudy(tinyStudy('insight', { count: 1, minimumSites: 3, quorum: 2 }))).id;
  roundId = (await eventually('an open round', async () => (await anna.assignment()).round)).id;
  await anna.report({ roundId, phase: 'fetching', done: 0, total: 1, metrics: null });
  await anna.report({ roundId, phase: 'training', done: 1, total: 5, metrics: METRICS });
  expect(await carl.contribute((model) => model.set('mu', float32Tensor([1], Float32Array.of(NaN))))).toMatchObject({
    accepted: false,
  });
  for (const [site, value] of [[anna, 1] as const, [bert, 3] as const]) {
    const trained = await site.contribute((model) => {
      fill('upsample.bias', value)(model);
      fill('vnet.up.1.norm.running_mean', 2 * value)(model);
      model.get('prototypes')!.data.set([value, 2 * value] as never);
      model.get('prior.prototype_support')!.data.fill(10 as never);
    });
    expect(trained).toMatchObject({ accepted: true });
  }
  const round = await eventually('a committed round', async () =>
    (await server.rounds(studyId)).find((each) => each.state === 'committed'),
  );
  const figures = { studyId, model: round.result!.digest, volumes: 1 };
  await anna.post('/site/evaluations', { ...figures, dice: 0.5, hd95: null });
  await bert.post('/site/evaluations', { ...figures, volumes: 3, dice: 0.9, hd95: 2 });
}, 60_000);
afterAll(() => server.close());

async function read<T>(path: string): Promise<T> {
  return (await server.get(path).expect(200)).body as T;
}

describe('what pages read beside the rows', () => {
  it('is a list of rounds that says what each of them says, without its members', async () => {
    const [summary] = await read<RoundSummary[]>(`/studies/${studyId}/round-summaries`);
    const { contributions, evaluations, ...round } = await read<RoundView>(`/rounds/${roundId}`);
    expect(evaluations).toHaveLength(2);
    expect(summary).toEqual({ ...round, members: contributions.length, accepted: 2, refused: 1 });
  });

  it('is a lane for each member, with when it entered which state', async () => {
    const timeline = await read<RoundTimeline>(`/rounds/${roundId}/timeline`);
    expect(timeline).toMatchObject({ number: 1, state: 'committed' });
    const lanes = timeline.lanes.map(({ site, state, marks }) => [site, state, marks.map((mark) => mark.state)]);
    expect(lanes).toEqual([
      ['anna', 'accepted', ['invited', 'fetching', 'training', 'accepted']],
      ['bert', 'accepted', ['invited', 'accepted']],
      ['carl', 'refused', ['invited', 'refused']],
    ]);
    expect(timeline.lanes[2].refusal).toMatchObject({ reason: 'not-finite' });
    for (const { marks } of timeline.lanes) expect(marks).toEqual(marks.toSorted((a, b) => a.at.localeCompare(b.at)));
  });

  it('is how each update came and how it stands to the mean', async () => {
    const evidence = await read<UpdateEvidence[]>(`/rounds/${roundId}/evidence`);
    expect(evidence.map(({ siteId }) => siteId)).toEqual([sites[0].id, sites[1].id]);
    for (const { cosine, upload, steps } of evidence) {
      // Both go much the same way, one of them three times as far.
      expect(cosine).toBeGreaterThan(0.99);
      expect(upload!.bytes).toBeGreaterThan(10_000);
      expect(steps).toBe(5);
    }
  });

  it('is what bears on how much each update may reveal', async () => {
    const [anna, bert] = await read<UpdateEvidence[]>(`/rounds/${roundId}/evidence`);
    const { contributions } = await read<RoundView>(`/rounds/${roundId}`);
    for (const [i, { risk, siteId }] of [anna, bert].entries()) {
      expect(risk.norm).toBe(contributions.find((each) => each.siteId === siteId)!.norm);
      expect(risk).toMatchObject({ others: 1, support: [10, 10] });
      // The base's running moments are 0 and 1.
      expect(risk.statistics).toMatchObject({ layer: 'vnet.up.1.norm' });
      expect(risk.statistics!.shift).toBeCloseTo([2, 6][i], 3);
    }
    expect([anna, bert].map(({ risk }) => risk.samples.labelled)).toEqual([2.9, 1]);
    expect(bert.risk.levels).toEqual({
      norm: 'usual',
      cosine: 'usual',
      samples: 'look',
      statistics: 'look',
      support: 'look',
    });
  });

  it('is where the prototypes are and how they moved', async () => {
    const report = await read<PrototypeReport>(`/rounds/${roundId}/prototypes`);
    expect(report.classes).toEqual(['background', 'organ']);
    expect(report.support).toEqual([
      [20, 20],
      [20, 20],
    ]);
    // A study begins with prototypes of zeros, which have no length to compare with.
    expect(report.shift).toEqual([
      [null, null],
      [null, null],
    ]);
    // Means by support (10 and 10): prototype 0 of the background is [2, 4, 0 ...], all others are 0.
    expect(report.distances[0][1]).toBeCloseTo(Math.hypot(2, 4) / 2, 5);
    expect(report.explained[0]).toBeCloseTo(1, 5);
  });

  it('is the curve of a study: means, ranges and each site', async () => {
    const { sites: names, points } = await read<StudyCurves>(`/studies/${studyId}/curves`);
    expect(names).toEqual(['anna', 'bert']);
    expect(points.map(({ version }) => version)).toEqual([0, 1]);
    expect(points[0]).toMatchObject({ roundId: null, dice: null, loss: null, diceBySite: [null, null] });
    expect(points[1]).toMatchObject({
      roundId,
      dice: { mean: (0.5 + 3 * 0.9) / 4, low: 0.5, high: 0.9, sites: 2 },
      hd95: { mean: 2, low: 2, high: 2, sites: 1 },
      loss: { mean: METRICS.loss, sites: 2 },
      cps: null,
      diceBySite: [0.5, 0.9],
    });
  });

  it('is where a model comes from', async () => {
    const [initial, committed] = await read<ModelLineage[]>(`/studies/${studyId}/lineage`);
    expect(initial).toMatchObject({ version: 0, roundId: null, base: null, contributors: [], dice: null });
    expect(committed).toMatchObject({ version: 1, roundId, base: initial.blob.digest, hd95: null, evaluations: 2 });
    expect(committed.contributors.map(({ site, weight }) => [site, weight])).toEqual([
      ['anna', 0.75],
      ['bert', 0.25],
    ]);
  });

  it('is what became of a site in its rounds', async () => {
    const [entry] = await read<Participation[]>(`/sites/${sites[2].id}/participation`);
    expect(entry).toMatchObject({
      study: 'insight',
      number: 1,
      roundState: 'committed',
      state: 'refused',
      bytes: null,
    });
    expect(entry.refusal?.reason).toBe('not-finite');
  });

  it('does not exist for what does not exist', async () => {
    for (const path of ['rounds/x/timeline', 'studies/x/curves', 'studies/x/lineage', 'rounds/x/evidence'])
      await server.get(`/${path.replace('x', crypto.randomUUID())}`).expect(404);
  });
});
