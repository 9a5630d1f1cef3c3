import {
  ConsentStatement,
  digestOfJson,
  parseJson,
  StudyManifest,
  UpdateManifest,
  type Digest,
  type LogEvent,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import { RoundRecord, type CommittedRound, type ReceivedUpdate } from './round-record.js';
import type { SiteLedger } from './site-ledger.js';

type Event<T extends LogEvent['type']> = Extract<LogEvent, { type: T }>;
type RoundEvent = Event<
  'round-opened' | 'update-received' | 'update-judged' | 'update-decided' | 'round-committed' | 'round-aborted'
>;

interface KnownStudy {
  manifest: StudyManifest;
  /** Names of sites whose last word on it is yes. */
  consenting: Set<string>;
  rounds: Map<string, RoundRecord>;
  /** By version. */
  models: Map<number, Digest>;
  /** What the server's optimiser kept with the newest model. */
  optimiser: Digest | null;
}

/** Studies, their rounds, and whether each model came of exactly the updates that were received for it and accepted. */
export class StudyLedger {
  readonly #studies = new Map<Digest, KnownStudy>();
  readonly committed: CommittedRound[] = [];

  constructor(
    private readonly findings: Findings,
    private readonly sites: SiteLedger,
  ) {}

  /** `written`: the manifest before its schema has filled in what a later release has added; its digest is the study's name. */
  created(index: number, { studyDigest, manifest }: Event<'study-created'>, written: unknown): void {
    const digest = digestOfJson(written);
    if (digest !== studyDigest) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected the study ${studyDigest}, got settings with the digest ${digest}.`,
      );
    }
    if (this.#studies.has(studyDigest)) {
      return this.findings.wrong(
        index,
        `Entry ${index}: expected the study ${studyDigest} to be created once, got it again.`,
      );
    }
    const models = new Map<number, Digest>();
    if ('digest' in manifest.initial) models.set(0, manifest.initial.digest);
    this.#studies.set(studyDigest, { manifest, consenting: new Set(), rounds: new Map(), models, optimiser: null });
  }

  consented(index: number, event: Event<'consent-given' | 'consent-withdrawn'>): void {
    const study = this.#study(index, event.studyDigest);
    const opened = this.sites.open(index, 'a consent', event);
    if (!study || opened === null) return;
    const { data } = ConsentStatement.safeParse(parseJson(opened.payload));
    const decision = event.type === 'consent-given' ? 'given' : 'withdrawn';
    if (data?.decision !== decision || data.studyDigest !== event.studyDigest || data.siteId !== event.siteId) {
      const expected = `expected ${event.site} to have signed its consent to ${event.studyDigest} as ${decision}`;
      this.findings.wrong(index, `Entry ${index}: ${expected}, got something else.`);
    }
    if (decision === 'given') study.consenting.add(event.site);
    else study.consenting.delete(event.site);
  }

  opened(index: number, event: Event<'round-opened'>): void {
    const study = this.#study(index, event.studyDigest);
    if (!study) return;
    const unasked = event.members.filter((name) => !study.consenting.has(name));
    if (unasked.length > 0) {
      const expected = `expected members of round ${event.number} that have consented to the study`;
      this.findings.wrong(index, `Entry ${index}: ${expected}, got ${unasked.join(', ')}.`);
    }
    if (study.rounds.has(event.roundId)) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected the round ${event.roundId} to be opened once, got it again.`,
      );
    }
    this.modelNamed(index, { ...event, version: event.number - 1, model: event.base });
    study.rounds.set(event.roundId, new RoundRecord(event.number, event.base, new Set(event.members)));
  }

  received(index: number, event: Event<'update-received'>): void {
    const found = this.#open(index, event);
    if (!found) return;
    const { round, study } = found;
    const manifest = this.#signedManifest(index, event);
    if (!manifest) return;
    const trained = study.rounds.get(manifest.roundId);
    const problem = problemOf(event, manifest, round, trained);
    if (problem !== null) this.findings.wrong(index, `Entry ${index}: update of ${event.site}: ${problem}.`);
    const { siteId, site, blob, verdict } = event;
    const { labelled, unlabelled } = manifest;
    const staleness = round.number - (trained?.number ?? round.number);
    round.receive(event.updateId, { siteId, site, blob, labelled, unlabelled, staleness, verdict });
  }

  judged(index: number, event: Event<'update-judged' | 'update-decided'>): void {
    const update = this.#open(index, event)?.round.update(event.updateId);
    if (!update)
      return this.findings.wrong(
        index,
        `Entry ${index}: expected an update that round ${event.number} has received, got ${event.updateId}.`,
      );
    if (update.siteId !== event.siteId) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected an update of ${update.site}, got it as one of ${event.site}.`,
      );
    }
    if (update.verdict === 'refused' || update.verdict === 'released') {
      return this.findings.wrong(
        index,
        `Entry ${index}: expected an update that is still to be judged, got one that was ${update.verdict}.`,
      );
    }
    update.verdict = event.type === 'update-judged' ? event.verdict : event.decision;
  }

  aborted(index: number, event: Event<'round-aborted'>): void {
    const round = this.#studies.get(event.studyDigest)?.rounds.get(event.roundId);
    if (round?.isClosed)
      this.findings.wrong(index, `Entry ${index}: expected round ${event.number} to be open, got it closed.`);
    // A round may be given up before it has opened.
    round?.close();
  }

  closed(index: number, event: Event<'round-committed'>): void {
    const found = this.#open(index, event);
    if (!found) return;
    const { study, round } = found;
    for (const problem of this.#problemsOf(event, study, round)) {
      this.findings.wrong(index, `Entry ${index}: round ${event.number}: ${problem}.`);
    }
    const { studyDigest, number, base, optimiserBefore, result, optimiserAfter } = event;
    const updates = event.updates.map(({ site, blob, weight }) => ({ site, blob, weight }));
    const { manifest } = study;
    this.committed.push({
      index,
      studyDigest,
      manifest,
      number,
      base,
      optimiserBefore,
      updates,
      result,
      optimiserAfter,
    });
    round.close();
    study.optimiser = optimiserAfter;
    if (study.models.has(number))
      this.findings.wrong(index, `Entry ${index}: expected round ${number} to be committed once, got it again.`);
    else study.models.set(number, result.digest);
  }

  /** A version is one model, wherever the log names it. */
  modelNamed(
    index: number,
    { studyDigest, version, model }: { studyDigest: Digest; version: number; model: Digest },
  ): void {
    const study = this.#study(index, studyDigest);
    if (!study) return;
    const known = study.models.get(version);
    if (known === undefined && version > 0) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected a model version that a round has committed, got version ${version}.`,
      );
    }
    if (known !== undefined && known !== model) {
      this.findings.wrong(index, `Entry ${index}: expected version ${version} to be the model ${known}, got ${model}.`);
    }
    if (known === undefined) study.models.set(version, model);
  }

  *#problemsOf(event: Event<'round-committed'>, study: KnownStudy, round: RoundRecord): Generator<string> {
    if (event.base !== round.base) yield `expected it on the model ${round.base}, got ${event.base}`;
    if (event.optimiserBefore !== study.optimiser) {
      yield `expected the optimiser to go on from ${study.optimiser ?? 'nothing'}, got ${event.optimiserBefore ?? 'nothing'}`;
    }
    if (event.updates.length < study.manifest.rounds.quorum) {
      yield `expected at least ${study.manifest.rounds.quorum} updates, got ${event.updates.length}`;
    }
    const standing = round.standing();
    const listed = new Map(event.updates.map((update) => [update.updateId, update]));
    for (const { id, update } of standing) {
      const own = listed.get(id);
      listed.delete(id);
      if (own === undefined) {
        // A site that was shut out in the middle of a round may have been left out with what it had sent.
        if (!this.sites.isRevoked(update.siteId))
          yield `expected the accepted update of ${update.site} in the model, got it left out`;
      } else if (own.blob !== update.blob.digest || own.siteId !== update.siteId) {
        yield `expected the update of ${update.site} to be ${update.blob.digest}, got ${own.blob} of ${own.site}`;
      }
    }
    for (const { site, updateId } of listed.values()) {
      yield `expected accepted updates only, got ${updateId} of ${site}, which ${round.update(updateId)?.verdict ?? 'was never received'}`;
    }
    yield* weightProblems(event, standing, round.weights(study.manifest));
  }

  #signedManifest(index: number, event: Event<'update-received'>): UpdateManifest | null {
    const opened = this.sites.open(index, 'an update', event);
    if (opened === null) return null;
    const parsed = UpdateManifest.safeParse(parseJson(opened.payload));
    if (parsed.success) return parsed.data;
    this.findings.wrong(
      index,
      `Entry ${index}: expected ${event.site} to have signed an update's manifest, got something else.`,
    );
    return null;
  }

  #open(index: number, { studyDigest, roundId, number }: RoundEvent): { study: KnownStudy; round: RoundRecord } | null {
    const study = this.#study(index, studyDigest);
    if (!study) return null;
    const round = study.rounds.get(roundId);
    if (round !== undefined && !round.isClosed && round.number === number) return { study, round };
    const got =
      round === undefined
        ? 'one that was never opened'
        : round.isClosed
          ? 'one that is closed'
          : `round ${round.number}`;
    this.findings.wrong(index, `Entry ${index}: expected an open round ${number} with the id ${roundId}, got ${got}.`);
    return null;
  }

  #study(index: number, digest: Digest): KnownStudy | null {
    const study = this.#studies.get(digest);
    if (study) return study;
    this.findings.wrong(index, `Entry ${index}: expected a study that the log has created, got ${digest}.`);
    return null;
  }
}

/** Why an update cannot be what its site signed for this round; null where it is. */
function problemOf(
  event: Event<'update-received'>,
  manifest: UpdateManifest,
  round: RoundRecord,
  trained: RoundRecord | undefined,
): string | null {
  if (!round.members.has(event.site)) return `expected a member of round ${round.number}, got a site that is none`;
  if (round.hasStandingOf(event.siteId)) return `expected one update for round ${round.number}, got a second`;
  if (manifest.siteId !== event.siteId) return `expected it signed by ${event.siteId}, got ${manifest.siteId}`;
  if (manifest.studyDigest !== event.studyDigest)
    return `expected it signed for the study ${event.studyDigest}, got ${manifest.studyDigest}`;
  if (trained === undefined) return `expected it signed for a round of this study, got ${manifest.roundId}`;
  if (manifest.base !== trained.base) return `expected it trained on ${trained.base}, got ${manifest.base}`;
  if (manifest.blob.digest !== event.blob.digest)
    return `expected the update ${manifest.blob.digest}, which was signed, got ${event.blob.digest}`;
  return null;
}

function* weightProblems(
  { updates }: Event<'round-committed'>,
  standing: readonly { id: string; update: ReceivedUpdate }[],
  weights: readonly number[],
): Generator<string> {
  const expected = new Map(standing.map(({ id }, i) => [id, weights[i]]));
  // What a weight is depends on all updates: where these differ, that has been said.
  if (updates.length !== standing.length || updates.some(({ updateId }) => !expected.has(updateId))) return;
  for (const { site, updateId, weight } of updates) {
    if (weight !== expected.get(updateId))
      yield `expected the weight of ${site} to be ${expected.get(updateId)!}, got ${weight}`;
  }
  if (updates.some(({ siteId }, i) => i > 0 && siteId <= updates[i - 1].siteId))
    yield 'expected updates in the order of site ids';
}
