import 'reflect-metadata';
import type { ErrorAnswer, ModelVersion, ReleasedModel, ReleaseState } from '@consilium/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fill } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { eventually, TestServer, tinyStudy } from '../testing/test-server.js';
import { bestOf, releasedVersions } from './release-rules.js';

let server: TestServer;
let anna: FakeSite;
let bert: FakeSite;
let studyId = '';
let models: ModelVersion[] = [];

/** Three rounds; the middle one's model is the best, and the last one fails at one site. */
const DICE: Record<'anna' | 'bert', number[]> = { anna: [0.1, 0.7, 0.9, 0.88], bert: [0.1, 0.6, 0.8, 0.5] };

beforeAll(async () => {
  server = await TestServer.start();
  anna = await FakeSite.enrol(server, 'anna');
  bert = await FakeSite.enrol(server, 'bert');
  for (const site of [anna, bert]) expect(await site.connect()).toEqual({ ok: true });
  const draft = tinyStudy('releases', { count: 3, minimumSites: 2, quorum: 2 });
  studyId = (await server.startStudy({ ...draft, release: { signOffs: 1 } })).id;
  for (let number = 1; number <= 3; number++) {
    for (const site of [anna, bert]) {
      await eventually(`round ${number}`, async () => (await site.assignment()).round?.number === number);
      expect(await site.contribute(fill('upsample.bias', number))).toMatchObject({ accepted: true });
    }
  }
  models = await eventually('four models', async () => {
    const found = (await server.get(`/studies/${studyId}/models`).expect(200)).body as ModelVersion[];
    return found.length === 4 && found;
  });
  for (const { version, blob } of models) {
    const figures = { studyId, model: blob.digest, hd95: null };
    await anna.post('/site/evaluations', { ...figures, volumes: 3, dice: DICE.anna[version] });
    await bert.post('/site/evaluations', { ...figures, volumes: 1, dice: DICE.bert[version] });
  }
}, 60_000);
afterAll(() => server.close());

const state = async () => (await server.get(`/studies/${studyId}/release`).expect(200)).body as ReleaseState;
const promote = (version: number, body: object = {}) =>
  server.post(`/studies/${studyId}/models/${version}/promote`, body);
const signOff = (version: number) =>
  server.post(`/studies/${studyId}/models/${version}/sign-off`, { statement: 'I looked at twelve cases.' });

const sentence = ({ body }: { body: unknown }) => (body as ErrorAnswer).message;

describe('A23: the model in use is a decision', () => {
  it('knows the best, which is not the last', async () => {
    const { best, released } = await state();
    expect(released).toBeNull();
    expect(best).toMatchObject({ version: 2, dice: (3 * 0.9 + 0.8) / 4 });
    expect(best!.sites.map(({ site }) => site)).toEqual(['anna', 'bert']);
    expect((await anna.get('/site/releases')).body).toEqual([]);
  });

  it('is released once the people that the study asks for have signed it off', async () => {
    expect(sentence(await promote(1).expect(409))).toBe('Version 1 needs 1 sign-offs and has 0.');
    await signOff(1).expect(200);
    await signOff(1).expect(409);
    const released = (await promote(1, { reason: 'first usable' }).expect(200)).body as ReleaseState;
    expect(released.released).toMatchObject({ version: 1, action: 'promoted', reason: 'first usable' });
    expect(released.signOffs).toMatchObject([{ version: 1, operator: 'operator' }]);
  });

  it('is what sites get', async () => {
    const [release] = (await anna.get('/site/releases')).body as ReleasedModel[];
    expect(release.model.blob).toEqual(models[1].blob);
    expect(release.manifest.name).toBe('releases');
  });

  it('does not become one that fails a site, and the refusal names it', async () => {
    await signOff(3).expect(200);
    expect(sentence(await promote(3).expect(409))).toBe(
      'Version 3 is worse than version 1 by more than 0.02 Dice at bert (0.600 to 0.500).',
    );
    expect((await state()).released!.version).toBe(1);
  });

  it('goes on to the best, and back', async () => {
    await signOff(2).expect(200);
    expect(((await promote(2).expect(200)).body as ReleaseState).released!.version).toBe(2);
    await promote(2).expect(409);
    const roll = () => server.post(`/studies/${studyId}/release/roll-back`, { reason: 'artefacts at anna' });
    expect(((await roll().expect(200)).body as ReleaseState).released).toMatchObject({
      version: 1,
      action: 'rolled-back',
    });
    expect(sentence(await roll().expect(409))).toMatch(/no earlier released version/);
    expect((await state()).history.map(({ action, version }) => [action, version])).toEqual([
      ['promoted', 1],
      ['promoted', 2],
      ['rolled-back', 1],
    ]);
  });

  it('is on the record', async () => {
    const { entries } = (await server.get('/log/entries?limit=200').expect(200)).body as {
      entries: { event: { type: string; version?: number } }[];
    };
    const releases = entries
      .map(({ event }) => event)
      .filter(({ type }) => /^model-(promoted|rolled|signed-off)/.test(type));
    expect(releases.map(({ type, version }) => `${type} ${version}`).sort()).toEqual([
      'model-promoted 1',
      'model-promoted 2',
      'model-rolled-back 1',
      'model-signed-off 1',
      'model-signed-off 2',
      'model-signed-off 3',
    ]);
  });

  it('waits for sites that have not measured the candidate, unless a person accepts that', async () => {
    await server.post(`/sites/${bert.id}/revoke`).expect(200);
    // A revoked site's figures no longer hold anything up: version 3 only fails there.
    expect(((await promote(3).expect(200)).body as ReleaseState).released!.version).toBe(3);
  });
});

describe('rules of releases', () => {
  const measured = (version: number, dice: number, volumes: number) => ({
    ...{ version, dice, model: '0'.repeat(64) },
    sites: [{ site: 'a', dice, hd95: null, volumes }],
  });

  it('roll back as often as was promoted', () => {
    const promoted = (version: number) => ({ action: 'promoted' as const, version });
    const back = (version: number) => ({ action: 'rolled-back' as const, version });
    expect(releasedVersions([promoted(1), promoted(4), promoted(2), back(4), back(1), promoted(5)])).toEqual([1, 5]);
  });

  it('compare only what enough volumes speak for', () => {
    expect(bestOf([measured(1, 0.8, 10), measured(2, 0.95, 2)])?.version).toBe(1);
    expect(bestOf([measured(1, 0.8, 10), measured(2, 0.8, 6)])?.version).toBe(2);
    expect(bestOf([])).toBeNull();
  });
});
