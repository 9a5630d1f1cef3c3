import { openStudy, type ErrorAnswer, type LogPage, type StudyConsent, type StudyView } from '@consilium/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogSigner } from '../audit/log-signer.js';
import { fill } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';

let server: TestServer;
let north: FakeSite;
let south: FakeSite;
beforeEach(async () => {
  server = await TestServer.start();
  [north, south] = [await FakeSite.enrol(server, 'north'), await FakeSite.enrol(server, 'south')];
  for (const site of [north, south]) await site.connect();
});
afterEach(async () => {
  for (const site of [north, south]) site.disconnect();
  await server.close();
});

/** Nobody has said anything to it. */
async function startedUnasked(): Promise<StudyView> {
  const manifest = tinyStudy('asked', { minimumSites: 1, count: 1 });
  const study = (await server.post('/studies', manifest).expect(201)).body as StudyView;
  await server.post(`/studies/${study.id}/start`).expect(200);
  return study;
}

const offersOf = async (site: FakeSite) => {
  const { body } = await site.get('/site/assignment');
  return (body as Awaited<ReturnType<FakeSite['assignment']>>).offers;
};
const consentsOf = async ({ id }: StudyView) =>
  (await server.get(`/studies/${id}/consents`).expect(200)).body as StudyConsent[];
const roundOf = async ({ id }: StudyView) => (await server.rounds(id)).at(0);

describe('a study', () => {
  it('is offered with its settings signed by the server, from its creation on', async () => {
    const study = (await server.post('/studies', tinyStudy('offered')).expect(201)).body as StudyView;
    const { publicKey } = await server.running.app.get(LogSigner).of();
    const [offer] = await offersOf(north);
    expect(offer).toMatchObject({ digest: study.digest, state: 'draft', consent: null });
    expect(openStudy(offer.envelope, publicKey)).toEqual({ digest: study.digest, manifest: study.manifest });
  });

  it('opens its rounds with the sites that have consented, and says whose word it waits for', async () => {
    const study = await startedUnasked();
    const planned = await eventually('a planned round', () => roundOf(study));
    expect(planned.state).toBe('planned');
    expect(planned.reason).toMatch(/The consent of north, south is still to come\./);

    await north.consent(study.digest);
    await north.consent(study.digest);
    const open = await eventually('an open round', async () => {
      const round = await roundOf(study);
      return round?.state === 'open' && round;
    });
    expect(open.contributions.map(({ site }) => site)).toEqual(['north']);
    expect(await consentsOf(study)).toMatchObject([{ site: 'north', decision: 'given' }]);
    expect((await offersOf(north))[0].consent).toBe('given');
    // The same word twice is one entry of the log.
    const { entries } = (await server.get('/log/entries?type=consent-given').expect(200)).body as LogPage;
    expect(entries.map(({ event }) => event)).toMatchObject([{ site: 'north', studyDigest: study.digest }]);
  });

  it('does without a member that withdraws, and keeps what was sent before', async () => {
    const study = await server.startStudy(tinyStudy('left', { minimumSites: 2, count: 1 }));
    await eventually('an open round', () => north.task());
    const manifest = await north.manifest(new Uint8Array(1));
    expect((await south.contribute(fill('vnet.segment.weight', 0.5))).accepted).toBe(true);
    await south.consent(study.digest, 'withdrawn');
    await north.consent(study.digest, 'withdrawn');
    const round = await eventually('a committed round', async () => {
      const found = await roundOf(study);
      return found?.state === 'committed' && found;
    });
    expect(round.contributions.map(({ site, state, refusal }) => [site, state, refusal?.reason])).toEqual([
      ['north', 'refused', 'no-consent'],
      ['south', 'accepted', undefined],
    ]);
    expect(await north.submit(manifest)).toMatchObject({ accepted: false, refusal: { reason: 'no-consent' } });
  });

  it('takes consent only in the signed words of the site itself, and of a study that is there', async () => {
    const study = await startedUnasked();
    const statement = { decision: 'given', studyDigest: study.digest, siteId: north.id, at: new Date().toISOString() };
    const refused = async (jws: string) => {
      const { status, body } = await north.post('/site/consents', { jws });
      return [status, (body as ErrorAnswer).message];
    };
    expect(await refused(await south.sign(statement))).toEqual([400, expect.stringMatching(/enrolled key/)]);
    expect(await refused(await north.sign({ ...statement, siteId: south.id }))).toEqual([
      400,
      expect.stringMatching(/its own id/),
    ]);
    expect(await refused(await north.sign({ ...statement, patient: 42 }))).toEqual([
      400,
      expect.stringMatching(/patient/),
    ]);
    expect((await refused(await north.sign({ ...statement, studyDigest: 'a'.repeat(64) })))[0]).toBe(404);
    expect(await consentsOf(study)).toEqual([]);
  });
});

describe('a member', () => {
  it('that says that no update will come is not waited for', async () => {
    const study = await server.startStudy(tinyStudy('leaving', { minimumSites: 2, count: 1 }));
    const { round } = await eventually('an open round', () => north.task());
    expect((await south.contribute(fill('vnet.segment.weight', 0.5))).accepted).toBe(true);
    const leave = (id: string) => north.post(`/site/rounds/${id}/leave`, { reason: 'stopped-at-site' });
    expect((await leave(study.id)).status).toBe(404);
    expect((await leave(round.id)).status).toBe(204);
    const committed = await eventually('a committed round', async () => {
      const found = await roundOf(study);
      return found?.state === 'committed' && found;
    });
    expect(committed.contributions[0]).toMatchObject({ site: 'north', state: 'refused' });
    expect(committed.contributions[0].refusal?.sentence).toMatch(/gate stopped/);
    // Once is enough; it was not a site that is dead.
    expect((await leave(round.id)).status).toBe(204);
    expect((await north.assignment()).exclusions).toEqual([]);
  });
});
