import {
  type Contribution,
  type CurvePoint,
  type RoundView,
  type SiteView,
  StudyManifest,
  type StudyView,
} from '@consilium/shared';

/** Valid answers of the server for tests, each with what the test is about put over it. */
export const NOW = Date.parse('2026-03-04T12:00:00Z');

export function exampleId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function minutesFromNow(minutes: number): string {
  return new Date(NOW + minutes * 60_000).toISOString();
}

export function exampleContribution(site: string, over: Partial<Contribution> = {}): Contribution {
  return {
    siteId: exampleId(site.charCodeAt(0)),
    site,
    state: 'accepted',
    done: 100,
    total: 100,
    labelled: 7,
    unlabelled: 3,
    weight: 0.5,
    bytes: 37_812_000,
    metrics: { loss: 0.5, supervised: 0.3, unsupervised: 0.1, cps: 1.1, secondsPerStep: 1.3 },
    refusal: null,
    updateId: null,
    quarantine: null,
    norm: null,
    staleness: 0,
    ...over,
  };
}

export function exampleRound(number: number, over: Partial<RoundView> = {}): RoundView {
  return {
    id: exampleId(1000 + number),
    studyId: exampleId(1),
    number,
    state: 'committed',
    base: 'a'.repeat(64),
    result: { digest: 'b'.repeat(64), bytes: 37_812_000 },
    openedAt: minutesFromNow(-60),
    deadline: minutesFromNow(60),
    closedAt: null,
    reason: null,
    quorum: 2,
    contributions: [],
    evaluations: [],
    dice: null,
    loss: null,
    bytes: 0,
    ...over,
  };
}

export function exampleCurvePoint(version: number, over: Partial<CurvePoint> = {}): CurvePoint {
  return {
    version,
    roundId: null,
    dice: null,
    hd95: null,
    loss: null,
    supervised: null,
    unsupervised: null,
    cps: null,
    diceBySite: [],
    hd95BySite: [],
    ...over,
  };
}

export function exampleSite(name: string, over: Partial<SiteView> = {}): SiteView {
  return {
    id: exampleId(name.charCodeAt(0)),
    name,
    role: 'trainer',
    state: 'enrolled',
    connected: true,
    lastSeen: minutesFromNow(0),
    software: 'consilium-node 0.1.0',
    engine: 'tensorflow 2.16',
    data: { labelled: 7, unlabelled: 3, validation: 2 },
    keyFingerprint: 'f'.repeat(43),
    exclusion: null,
    ...over,
  };
}

export function exampleStudy(over: Partial<StudyView> = {}): StudyView {
  return {
    id: exampleId(1),
    digest: 'c'.repeat(64),
    state: 'running',
    reason: null,
    manifest: StudyManifest.parse({ name: 'Left atrium', rounds: { minimumSites: 2, quorum: 2 } }),
    createdAt: minutesFromNow(-600),
    roundsCommitted: 0,
    initialDice: null,
    ...over,
  };
}
