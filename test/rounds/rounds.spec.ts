import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROTOCOL_VERSION, type SubmitAnswer } from '@consilium/shared';
import { fill, METRICS, type LightSite, type Task } from '@consilium/server/dist/simulation/light-site.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { embedded, postgres } from '../support/databases.js';
import { eventually, RoundsBench } from '../support/rounds-bench.js';

const reasonOf = (answer: SubmitAnswer): string => (answer.accepted ? 'accepted' : answer.refusal.reason);
const report = (site: LightSite, { round }: Task, done: number) =>
  site.report({
    roundId: round.id,
    phase: 'training',
    done,
    total: 1000,
    metrics: { ...METRICS, loss: 1 / (done + 1) },
  });

for (const database of [embedded, postgres])
  describe.runIf(database.here)(`rounds on ${database.name}, with a server process`, { timeout: 150_000 }, () => {
    let bench: RoundsBench;
    beforeAll(async () => {
      bench = await RoundsBench.start(await database.start());
    });
    afterAll(() => bench.stop());
    afterEach(() => bench.clear());

    /** One round of these sites without any trouble; the digest of what it commits. */
    async function undisturbed(sites: LightSite[], rounds: object, width?: number): Promise<string> {
      const study = await bench.study({ count: 1, minimumSites: sites.length, quorum: sites.length, ...rounds }, width);
      for (const [i, site] of sites.entries())
        expect(reasonOf(await site.contributeTo(await bench.task(site, 1), fill('mu', i + 0.1)))).toBe('accepted');
      return (await bench.round(study, 1, 'committed')).result!.digest;
    }

    it('A1 a server that is killed after k of N updates goes on with them to the same model', async () => {
      const sites = await bench.members({ labelled: 3 }, { labelled: 1 }, { labelled: 2 });
      const expected = await undisturbed(sites, {});
      const study = await bench.study({ count: 1, minimumSites: 3, quorum: 3 });
      const tasks = await Promise.all(sites.map((site) => bench.task(site, 1)));
      for (const i of [0, 1]) await sites[i].contributeTo(tasks[i], fill('mu', i + 0.1));
      await bench.killServer();
      await bench.restartServer();
      for (const site of sites) await site.connect();
      expect(await Promise.all(sites.map((site) => site.task()))).toEqual([null, null, tasks[2]]);
      expect(reasonOf(await sites[2].contributeTo(tasks[2], fill('mu', 2.1)))).toBe('accepted');
      const round = await bench.round(study, 1, 'committed');
      expect([round.id, round.result!.digest]).toEqual([tasks[0].round.id, expected]);
    });

    it('A2 a server that is killed while it aggregates or commits has one version of the same model', async () => {
      const sites = await bench.members({ labelled: 3 }, { labelled: 1 });
      const expected = await undisturbed(sites, {}, 8);
      for (const milliseconds of [15, 80]) {
        const study = await bench.study({ count: 1, minimumSites: 2, quorum: 2 }, 8);
        for (const [i, site] of sites.entries())
          await site.contributeTo(await bench.task(site, 1), fill('mu', i + 0.1));
        await sleep(milliseconds);
        await bench.killServer();
        await bench.restartServer();
        const round = await bench.round(study, 1, 'committed');
        expect(round.result!.digest).toBe(expected);
        expect((await bench.operator.models(study.id)).map(({ version }) => version)).toEqual([0, 1]);
        for (const site of sites) await site.connect();
      }
    });

    it('A4 an update whose acknowledgement is lost is counted once', async () => {
      const [a, b] = await bench.members({}, {});
      const study = await bench.study({ count: 1, minimumSites: 2, quorum: 2 });
      const task = await bench.task(a, 1);
      const bytes = await a.download(task.round.base.digest);
      const digest = await a.upload(bytes);
      const jws = await a.sign(a.manifestOf(task, { digest, bytes: bytes.length }));
      await sendAndHangUp(a, jws);
      const first = await a.submitSigned(jws);
      expect(reasonOf(first)).toBe('accepted');
      expect(await a.submitSigned(jws)).toEqual(first);
      const { contributions, bytes: received } = await bench.round(study, 1, 'collecting');
      expect(contributions.filter(({ state }) => state === 'accepted')).toHaveLength(1);
      expect(received).toBe(bytes.length);
      await b.contributeTo(await bench.task(b, 1), fill('mu', 1));
      await bench.round(study, 1, 'committed');
      expect(await a.submitSigned(jws)).toEqual(first);
    });

    it('A5 the update of a site that leaves stays, and the round waits for the others', async () => {
      const [a, b] = await bench.members({}, {});
      const study = await bench.study({ count: 1, minimumSites: 2, quorum: 1 });
      await a.contributeTo(await bench.task(a, 1), fill('mu', 1));
      a.disconnect();
      await eventually(
        'a to be gone',
        async () => !(await bench.operator.sites()).find(({ id }) => id === a.id)!.connected,
      );
      await sleep(600);
      await bench.round(study, 1, 'collecting');
      await b.contributeTo(await bench.task(b, 1), fill('mu', 2));
      const { contributions } = await bench.round(study, 1, 'committed');
      expect(contributions.map(({ state }) => state)).toEqual(['accepted', 'accepted']);
    });

    it('A6 a dead site costs one lease, not one per round; all hear of it, and it may come back', async () => {
      const [a, b, dead] = await bench.members({}, {}, {});
      const study = await bench.study({ count: 3, minimumSites: 2, quorum: 2, deadlineSeconds: 60, leaseSeconds: 2 });
      // Still connected: what is dead is what it was asked to do.
      await bench.task(dead, 1);
      for (const site of [a, b]) await site.contributeTo(await bench.task(site, 1), fill('mu', 1));
      await bench.round(study, 1, 'committed');
      const said = { site: 'c', sentence: expect.stringContaining('round 1') as string };
      for (const site of [a, b, dead]) expect((await site.assignment()).exclusions).toMatchObject([said]);
      expect((await bench.operator.sites()).find(({ id }) => id === dead.id)!.exclusion).toMatchObject(said);
      for (const site of [a, b]) await site.contributeTo(await bench.task(site, 2), fill('mu', 2));
      expect((await bench.round(study, 2, 'committed')).contributions.map(({ site }) => site)).toEqual(['a', 'b']);
      await bench.task(a, 3);
      expect(await dead.hello()).toEqual({ ok: true });
      expect((await a.assignment()).exclusions).toEqual([]);
    });

    it('A7 a slow site that makes progress keeps its lease, a stalled one loses it', async () => {
      const [a, slow, stalled] = await bench.members({}, {}, {});
      const study = await bench.study({ count: 1, minimumSites: 3, quorum: 2, localSteps: 1000, leaseSeconds: 2 });
      await a.contributeTo(await bench.task(a, 1), fill('mu', 1));
      const [task, other] = [await bench.task(slow, 1), await bench.task(stalled, 1)];
      for (let step = 1; step <= 8; step++) {
        await Promise.all([report(slow, task, step), report(stalled, other, 1), sleep(500)]);
      }
      const { contributions } = await bench.round(study, 1, 'collecting');
      expect(contributions.map(({ site, state }) => [site, state])).toEqual([
        ['a', 'accepted'],
        ['b', 'training'],
        ['c', 'lapsed'],
      ]);
      // Work brings a lease back.
      await report(stalled, other, 2);
      await eventually('c to be waited for', async () =>
        (await bench.round(study, 1, 'collecting')).contributions.some(
          ({ site, state }) => site === 'c' && state === 'training',
        ),
      );
      await slow.contributeTo(task, fill('mu', 2));
      await bench.round(study, 1, 'committed');
    });

    it.each([
      [
        'too few updates',
        { quorum: 2 },
        'Expected at least 2 accepted updates of 2 sites, got 1; 0 refused, 1 missing.',
      ],
      [
        'too few labelled volumes',
        { quorumShare: 0.5 },
        "at least 50 % of the members' 10 labelled volumes, got them for 2.",
      ],
      ['a required site missing', { required: ['b'] }, 'Expected an update of every required site, none came from b.'],
    ])('A8 a round is aborted at its deadline for %s, with the model unchanged', async (_, settings, reason) => {
      const [a] = await bench.members({ labelled: 2 }, { labelled: 8 });
      const study = await bench.study({ minimumSites: 2, deadlineSeconds: 2, ...settings });
      await a.contributeTo(await bench.task(a, 1), fill('mu', 1));
      const round = await bench.round(study, 1, 'aborted');
      expect(round.reason).toContain(reason);
      expect(round.contributions.map(({ state }) => state)).toEqual(['accepted', 'lapsed']);
      expect((await bench.operator.models(study.id)).map(({ version }) => version)).toEqual([0]);
      expect((await a.assignment()).model!.blob.digest).toBe(round.base);
    });

    it("A9 stale, replayed, duplicate, other study's, future round's updates are refused, each with its reason", async () => {
      const [a, b] = await bench.members({}, {});
      const former = await bench.study({ minimumSites: 2, quorum: 2 });
      await bench.round(former, 1, 'open');
      await bench.operator.setStudy(former.id, 'stop');
      const study = await bench.study({ minimumSites: 2, quorum: 1, deadlineSeconds: 600, leaseSeconds: 2 });
      const first = await bench.task(a, 1);
      const late = await bench.task(b, 1);
      await a.contributeTo(first, fill('mu', 1));
      await bench.round(study, 1, 'committed');
      await b.hello();
      const second = await bench.task(a, 2);
      const blob = {
        digest: await a.upload(await a.download(second.round.base.digest)),
        bytes: second.round.base.bytes,
      };
      const reason = async (site: LightSite, manifest: object): Promise<string> =>
        reasonOf(await site.submit(manifest));
      const good = a.manifestOf(second, blob);
      expect(await reason(a, { ...good, base: first.round.base.digest })).toBe('wrong-base');
      expect(await reason(b, b.manifestOf(late, blob))).toBe('round-closed');
      expect(await reason(a, { ...good, studyDigest: former.digest })).toBe('wrong-study');
      expect(await reason(a, { ...good, roundId: crypto.randomUUID() })).toBe('wrong-round');
      expect(reasonOf(await b.submitSigned(await a.sign(good)))).toBe('bad-signature');
      expect(await reason(a, good)).toBe('accepted');
      expect(await reason(a, { ...good, steps: 1 })).toBe('duplicate-update');
    });

    it('A10 a late joiner gets the current model and waits for the next round', async () => {
      const [a] = await bench.members({});
      const study = await bench.study({ count: 2 });
      const { round } = await bench.task(a, 1);
      const joiner = await bench.enrol('joiner');
      await joiner.connect();
      expect(await joiner.assignment()).toMatchObject({ round: null, model: { version: 0, blob: round.base } });
      await a.contributeTo(await bench.task(a, 1), fill('mu', 1));
      await bench.task(joiner, 2);
      expect((await bench.round(study, 1, 'committed')).contributions.map(({ site }) => site)).toEqual(['a']);
    });

    it('A15 another protocol version or other settings are refused, with both values', async () => {
      const [a] = await bench.members({});
      const answer = await a.hello({ protocolVersion: PROTOCOL_VERSION + 1 });
      expect(answer).toMatchObject({ ok: false });
      expect((answer as { sentence: string }).sentence).toMatch(
        new RegExp(`${PROTOCOL_VERSION + 1}.*${PROTOCOL_VERSION}`),
      );
      const study = await bench.study({});
      const task = await bench.task(a, 1);
      // What a node with another model, patch, spacing or class list has consented to has another digest.
      const other = 'e'.repeat(64);
      const refused = await a.submit({ ...a.manifestOf(task, { digest: other, bytes: 1 }), studyDigest: other });
      expect(reasonOf(refused)).toBe('wrong-study');
      for (const digest of [study.digest, other]) expect(JSON.stringify(refused)).toContain(digest);
    });

    it('A20 a thousand metric points in a second are stored once each, the impossible ones not at all', async () => {
      const [a] = await bench.members({});
      await bench.study({ localSteps: 1000 });
      const task = await bench.task(a, 1);
      const points = Array.from({ length: 1000 }, (_, i) => ({
        roundId: task.round.id,
        phase: 'training' as const,
        done: i + 1,
        total: 1000,
        metrics: { ...METRICS, loss: i % 100 === 7 ? NaN : i },
      }));
      for (let repetition = 0; repetition < 2; repetition++) {
        const answers = await Promise.all(points.map((point) => a.report(point)));
        expect(answers.filter(({ ok }) => !ok)).toHaveLength(10);
      }
      const stored = await eventually('the points', async () => {
        const metrics = await bench.operator.metrics(task.round.id);
        return metrics.length >= 990 && metrics;
      });
      const steps = points.filter(({ metrics }) => !Number.isNaN(metrics.loss)).map(({ done }) => done);
      expect(stored.map(({ step }) => step)).toEqual(steps);
      expect(stored.every(({ step, metrics }) => metrics.loss === step - 1)).toBe(true);
    });

    it('carries a late update into the next round where the study says so', async () => {
      const [a, slow] = await bench.members({ labelled: 1 }, { labelled: 3 });
      const rounds = { minimumSites: 2, quorum: 1, deadlineSeconds: 4, late: 'carry' as const, localSteps: 1000 };
      const study = await bench.study({ ...rounds, count: 2 });
      const task = await bench.task(slow, 1);
      await a.contributeTo(await bench.task(a, 1), fill('mu', 1));
      for (let step = 1; (await slow.task(1)) !== null; step++)
        await Promise.all([report(slow, task, step), sleep(200)]);
      await eventually('the next round to expect it', async () =>
        (await slow.task(2))?.round.late.includes(task.round.id),
      );
      expect(reasonOf(await slow.contributeTo(task, fill('mu', 2)))).toBe('accepted');
      await a.contributeTo(await bench.task(a, 2), fill('mu', 3));
      const { contributions } = await bench.round(study, 2, 'committed');
      // Three labelled volumes, one round old, count one and a half.
      expect(contributions.map(({ staleness, weight }) => [staleness, weight])).toEqual([
        [0, 0.4],
        [1, 0.6],
      ]);
    });
  });

/** Everything is sent; the answer is not waited for. */
async function sendAndHangUp(site: LightSite, jws: string): Promise<void> {
  const method = 'POST';
  const path = '/api/v1/site/updates';
  const body = JSON.stringify({ jws });
  const token = await site.token({ method, path, body });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const sent = request(`${site.place.url}${path}`, { method, headers });
  sent.on('error', () => undefined);
  await new Promise<void>((resolve) => sent.end(body, resolve));
  await sleep(30);
  sent.destroy();
}
