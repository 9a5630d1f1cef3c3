import 'reflect-metadata';
import {
  decodeContainer,
  type Assignment,
  type ModelVersion,
  type StudyView,
  type SubmitAnswer,
} from '@consilium/shared';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fill, METRICS } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';

// One server for all tests here: the embedded database takes seconds to come up. Each test leaves no study running.
let server: TestServer;
let sites: FakeSite[] = [];
beforeAll(async () => {
  server = await TestServer.start({ durable: true });
});
afterAll(() => server.close());
afterEach(async () => {
  const studies = (await server.get('/studies')).body as StudyView[];
  for (const { id, state } of studies)
    if (['running', 'paused'].includes(state)) await server.post(`/studies/${id}/stop`).expect(200);
  for (const site of sites) await server.post(`/sites/${site.id}/revoke`).expect(200);
  sites = [];
});

async function enrol(...cards: Parameters<typeof FakeSite.enrol>[2][]): Promise<FakeSite[]> {
  for (const [i, card] of cards.entries()) sites.push(await FakeSite.enrol(server, `site-${i + 1}`, card));
  for (const site of sites) expect(await site.connect()).toEqual({ ok: true });
  return sites;
}

const refused = (answer: SubmitAnswer): string => (answer.accepted ? 'accepted' : answer.refusal.reason);
const open = (site: FakeSite) => eventually('an open round', async () => (await site.assignment()).round);

describe('a round', () => {
  it('of three sites becomes a model: weighted mean, pooled priors, evaluations, and the study ends', async () => {
    const [one, two, three] = await enrol({ labelled: 3 }, { labelled: 1 }, { labelled: 0, unlabelled: 10 });
    const study = await server.startStudy(tinyStudy('one round', { count: 1, minimumSites: 3, quorum: 3 }));
    const { base } = await open(one);

    const change = (value: number, support: number[]) => (model: Parameters<ReturnType<typeof fill>>[0]) => {
      fill('upsample.bias', value)(model);
      fill('prior.class_means', value)(model);
      model.get('prior.class_support')!.data.set(support as never);
    };
    expect(refused(await one.contribute(change(1, [10, 0])))).toBe('accepted');
    expect(refused(await two.contribute(change(2, [30, 0])))).toBe('accepted');
    expect((await one.assignment()).round).toBeNull();
    expect(refused(await three.contribute(change(4, [0, 0])))).toBe('accepted');

    const round = await eventually('a committed round', async () =>
      (await server.rounds(study.id)).find((r) => r.state === 'committed'),
    );
    expect(round).toMatchObject({ number: 1, base: base.digest, quorum: 3, reason: null, loss: METRICS.loss });
    // 3, 1 and 10 x 0.1 labelled volumes.
    expect(round.contributions.map(({ site, weight, state }) => [site, weight, state])).toEqual([
      ['site-1', 0.6, 'accepted'],
      ['site-2', 0.2, 'accepted'],
      ['site-3', 0.2, 'accepted'],
    ]);
    const { tensors } = decodeContainer(await one.download(round.result!.digest));
    expect(tensors.get('upsample.bias')!.data[0]).toBeCloseTo((3 * 1 + 2 + 4) / 5, 6);
    expect(tensors.get('prior.class_means')!.data[0]).toBeCloseTo((10 * 1 + 30 * 2) / 40, 6);
    expect(Array.from(tensors.get('prior.class_support')!.data as Float32Array)).toEqual([40, 0]);

    const models = (await server.get(`/studies/${study.id}/models`).expect(200)).body as ModelVersion[];
    expect(models.map(({ version, blob }) => [version, blob.digest])).toEqual([
      [0, base.digest],
      [1, round.result!.digest],
    ]);
    expect((await server.get(`/studies/${study.id}`)).body).toMatchObject({ state: 'finished', roundsCommitted: 1 });

    const figures = { studyId: study.id, model: round.result!.digest, dice: 0.5, hd95: null };
    expect((await one.post('/site/evaluations', { ...figures, volumes: 3 })).status).toBe(204);
    expect((await two.post('/site/evaluations', { ...figures, volumes: 1, dice: 0.9, hd95: 4 })).status).toBe(204);
    expect((await server.rounds(study.id))[0].dice).toBeCloseTo(0.6, 9);
    const last: Assignment = await one.assignment();
    expect(last).toMatchObject({ finished: true, round: null, model: { version: 1 } });
  });

  it('gives the same digest whatever the order of arrival', async () => {
    await enrol({ labelled: 3 }, { labelled: 1 }, { labelled: 2 });
    const digests = [];
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const study = await server.startStudy(tinyStudy(`order ${order.join()}`, { count: 1, minimumSites: 3 }));
      await open(sites[0]);
      for (const i of order)
        expect(refused(await sites[i].contribute(fill('upsample.bias', 0.1 * (i + 1))))).toBe('accepted');
      const done = await eventually('a result', async () => (await server.rounds(study.id))[0].result);
      digests.push(done.digest);
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('A8 is aborted at its deadline without a quorum, tried again, and pauses the study after three times', async () => {
    const [one, two] = await enrol({}, {});
    const study = await server.startStudy(tinyStudy('abort', { minimumSites: 2, quorum: 2, deadlineSeconds: 60 }));
    const before = (await open(one)).base.digest;
    expect(refused(await one.contribute(fill('mu', 1)))).toBe('accepted');
    for (let attempt = 1; attempt <= 3; attempt++) {
      await eventually(`attempt ${attempt}`, async () =>
        ['open', 'collecting'].includes((await server.rounds(study.id))[attempt - 1]?.state),
      );
      server.clock.advance(121);
      await eventually('an abort', async () => (await server.rounds(study.id))[attempt - 1].state === 'aborted');
      // Both did nothing in this attempt. An hour later the pause after their misses is over, and so are their tokens.
      server.clock.advance(3600);
      for (const site of [one, two]) {
        site.disconnect();
        await site.connect();
      }
    }
    const rounds = await server.rounds(study.id);
    expect(rounds.map(({ number, state }) => [number, state])).toEqual([
      [1, 'aborted'],
      [1, 'aborted'],
      [1, 'aborted'],
    ]);
    expect(rounds[0].reason).toBe('Expected at least 2 accepted updates of 2 sites, got 1; 0 refused, 1 missing.');
    expect(rounds[0].contributions.map(({ state }) => state)).toEqual(['accepted', 'lapsed']);
    expect((await server.get(`/studies/${study.id}`)).body).toMatchObject({
      state: 'paused',
      reason: expect.stringContaining('3 rounds in a row') as string,
    });
    expect((await one.assignment()).model!.blob.digest).toBe(before);
  });

  it('is aggregated at its deadline with a quorum, without the site that is missing', async () => {
    const [one] = await enrol({}, {});
    const study = await server.startStudy(
      tinyStudy('quorum', { count: 1, minimumSites: 2, quorum: 1, deadlineSeconds: 60 }),
    );
    await open(one);
    await one.contribute(fill('mu', 3));
    server.clock.advance(61);
    const round = await eventually('a commit', async () =>
      (await server.rounds(study.id)).find((r) => r.state === 'committed'),
    );
    expect(round.contributions.map(({ state }) => state)).toEqual(['accepted', 'lapsed']);
  });

  it('goes on after a restart with the updates that it had', async () => {
    const [one, two] = await enrol({}, {});
    const study = await server.startStudy(tinyStudy('restart', { count: 1, minimumSites: 2, quorum: 2 }));
    await open(one);
    expect(refused(await one.contribute(fill('mu', 1)))).toBe('accepted');
    await server.restart();
    const [round] = await server.rounds(study.id);
    expect(round).toMatchObject({ state: 'collecting' });
    expect((await one.assignment()).round).toBeNull();
    expect(refused(await two.contribute(fill('mu', 2)))).toBe('accepted');
    const done = await eventually('a commit', async () =>
      (await server.rounds(study.id)).find((r) => r.state === 'committed'),
    );
    expect(done.id).toBe(round.id);
    expect(decodeContainer(await one.download(done.result!.digest)).tensors.get('mu')!.data[0]).toBeCloseTo(1.5, 6);
  });

  it('is stopped with its study', async () => {
    const [one] = await enrol({});
    const study = await server.startStudy(tinyStudy('stop'));
    await open(one);
    await server.post(`/studies/${study.id}/stop`).expect(200);
    const [round] = await eventually('the abort', async () => {
      const rounds = await server.rounds(study.id);
      return rounds[0].state === 'aborted' && rounds;
    });
    expect(round.reason).toBe('An operator stopped the study.');
    expect(await one.assignment()).toMatchObject({ finished: true, round: null });
  });
});

describe('an update', () => {
  it('A4 A9 A13 A14 is refused with its own reason, or accepted once', async () => {
    const [one, two] = await enrol({ labelled: 2 }, { labelled: 2 });
    const study = await server.startStudy(tinyStudy('refusals', { count: 2, minimumSites: 2, quorum: 2 }));
    await open(one);
    const outsider = await FakeSite.enrol(server, 'late');
    sites.push(outsider);
    expect((await outsider.assignment()).round).toBeNull();

    const update = await one.train(fill('mu', 7));
    const manifest = await one.manifest(update);
    const reason = async (changes: object) => refused(await one.submit({ ...manifest, ...changes }));
    expect(await reason({})).toBe('unknown-blob');
    await one.upload(update);
    expect(await reason({ studyDigest: 'a'.repeat(64) })).toBe('wrong-study');
    expect(await reason({ roundId: crypto.randomUUID() })).toBe('wrong-round');
    expect(await reason({ base: 'b'.repeat(64) })).toBe('wrong-base');
    expect(await reason({ labelled: 3 })).toBe('counts-beyond-enrolled');
    expect(await reason({ labelled: 1e12 })).toBe('counts-beyond-enrolled');
    expect(await reason({ labelled: -1 })).toBe('counts-beyond-enrolled');
    expect(await reason({ siteId: two.id })).toBe('bad-signature');
    expect(await reason({ blob: { ...manifest.blob, bytes: 5 } })).toBe('digest-mismatch');
    expect(await reason({ extra: 1 })).toBe('protocol-version');
    expect(refused(await outsider.submit({ ...manifest, siteId: outsider.id }))).toBe('not-a-member');
    const forged = await one.post('/site/updates', { jws: await two.sign(manifest) });
    expect(refused(forged.body as SubmitAnswer)).toBe('bad-signature');
    expect(refused(await one.contributeIn(manifest, fill('mu', NaN)))).toBe('not-finite');
    expect((await server.rounds(study.id))[0].contributions[0]).toMatchObject({
      state: 'refused',
      refusal: { reason: 'not-finite' },
    });

    const first = await one.submit(manifest);
    expect(first).toMatchObject({ accepted: true });
    expect(await one.submit(manifest)).toEqual(first);
    expect(await reason({ steps: 6 })).toBe('duplicate-update');
    expect(refused(await two.contribute(fill('mu', 2)))).toBe('accepted');
    await eventually('round 2', async () => (await server.rounds(study.id)).length === 2);
    expect(await one.submit(manifest)).toEqual(first);
    expect(await reason({ steps: 6 })).toBe('duplicate-update');
  });
});
