import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  digestOfJson,
  openStudy,
  signerOf,
  signStudy,
  StudyManifest,
  type ConsentStatement,
  type StudyOffer,
} from '@consilium/shared';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Consents, decide } from '../egress/consents.js';
import { nodeHome, type NodeHome } from '../settings/node-settings.js';
import { systemClock } from './clock.js';
import { silentLog } from './log.js';
import { readStudies } from './studies-file.js';
import { StudyOffers } from './study-offers.js';

const SITE = '7a1f36f5-0d6c-4f5a-9d5c-0f9c1a2b3c4d';
const STUDY_ID = '3f2b8c1d-4e5f-4a6b-9c7d-8e9f0a1b2c3d';
const server = signerOf(new Uint8Array(32).fill(1));
const manifest = StudyManifest.parse({ name: 'left atrium' });
const digest = digestOfJson(manifest);

let home: NodeHome;
let sent: Pick<ConsentStatement, 'decision' | 'studyDigest'>[];
let said: string[];
beforeEach(() => {
  home = nodeHome(mkdtempSync(join(tmpdir(), 'consilium-offers-')));
  sent = [];
  said = [];
});
afterEach(() => rmSync(home.root, { recursive: true }));

const offer = (changes: Partial<StudyOffer> = {}): StudyOffer => {
  return { digest, state: 'draft', envelope: signStudy(manifest, server), consent: null, ...changes };
};
const signal = new AbortController().signal;
const assigned = { id: STUDY_ID, digest, manifest: StudyManifest.parse({ name: 'as the server says' }) };

function offersWith(pinned: string[] = []): StudyOffers {
  return new StudyOffers({
    home,
    site: { siteId: SITE },
    consents: new Consents(home, pinned),
    rest: {
      consent: (jws) => {
        const { decision, studyDigest } = JSON.parse(jws) as ConsentStatement;
        sent.push({ decision, studyDigest });
        return Promise.resolve();
      },
    },
    sign: (statement) => Promise.resolve(JSON.stringify(statement)),
    witness: { studyIn: (envelope) => Promise.resolve(openStudy(envelope, server.publicKey)) },
    clock: systemClock,
    log: { ...silentLog, warn: (sentence) => said.push(sentence) },
  });
}

test('a study is kept to be decided on, asked about once, and answered as people decide', async () => {
  const offers = offersWith();
  for (let i = 0; i < 3; i++) await offers.attend([offer()], signal);
  expect(await readStudies(home)).toMatchObject([{ digest, manifest: { name: 'left atrium' } }]);
  expect(said).toHaveLength(1);
  expect([sent, await offers.accepted(assigned)]).toEqual([[], null]);

  await decide(home, digest, 'accepted', new Date());
  await offers.attend([offer()], signal);
  await offers.attend([offer({ consent: 'given' })], signal);
  expect(sent).toEqual([{ decision: 'given', studyDigest: digest }]);
  // The settings that were accepted are the ones that count.
  expect(await offers.accepted(assigned)).toEqual({ id: STUDY_ID, digest, manifest });

  await decide(home, digest, 'declined', new Date());
  await offers.attend([offer({ consent: 'given' })], signal);
  expect(sent.at(-1)).toEqual({ decision: 'withdrawn', studyDigest: digest });
  expect(await offers.accepted(assigned)).toBeNull();
});

test('a pinned study is accepted without asking, one with another setting is not', async () => {
  const offers = offersWith([digest]);
  const other = StudyManifest.parse({ name: 'left atrium', rounds: { localSteps: 1 } });
  await offers.attend([offer(), offer({ digest: digestOfJson(other), envelope: signStudy(other, server) })], signal);
  expect(sent).toEqual([{ decision: 'given', studyDigest: digest }]);
  expect(said).toHaveLength(1);
});

test.each([
  ['signed by another', () => offer({ envelope: signStudy(manifest, signerOf(new Uint8Array(32).fill(2))) })],
  ['with settings that are not those of its digest', () => offer({ digest: 'a'.repeat(64) })],
])('a study %s is left out, and the log says so', async (_, bad) => {
  const offers = offersWith([digest, 'a'.repeat(64)]);
  await offers.attend([bad()], signal);
  await offers.attend([bad()], signal);
  expect([sent, await readStudies(home)]).toEqual([[], []]);
  expect(said).toEqual([expect.stringContaining('has not signed')]);
});
