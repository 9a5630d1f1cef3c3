import { siteWeights, type BlobRef, type Digest, type StudyManifest } from '@consilium/shared';

/** What the log knows of one update of a round. */
export interface ReceivedUpdate {
  siteId: string;
  site: string;
  blob: BlobRef;
  labelled: number;
  unlabelled: number;
  /** Rounds between the one that it was trained for and this one. */
  staleness: number;
  /** refused is final; released by a person is accepted for good. */
  verdict: 'accepted' | 'quarantined' | 'released' | 'refused';
}

/** A round that made a model, with all that the model was made from. */
export interface CommittedRound {
  /** Of the log entry that says so. */
  index: number;
  studyDigest: Digest;
  manifest: StudyManifest;
  number: number;
  base: Digest;
  optimiserBefore: Digest | null;
  updates: readonly { site: string; blob: Digest; weight: number }[];
  result: BlobRef;
  optimiserAfter: Digest | null;
}

/** A round from its opening on. Once it is closed, only what later rounds need of it is kept. */
export class RoundRecord {
  readonly #updates = new Map<string, ReceivedUpdate>();
  #isClosed = false;

  constructor(
    readonly number: number,
    readonly base: Digest,
    readonly members: ReadonlySet<string>,
  ) {}

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    this.#updates.clear();
  }

  update(id: string): ReceivedUpdate | undefined {
    return this.#updates.get(id);
  }

  receive(id: string, update: ReceivedUpdate): void {
    this.#updates.set(id, update);
  }

  hasStandingOf(siteId: string): boolean {
    return [...this.#updates.values()].some((update) => update.siteId === siteId && update.verdict !== 'refused');
  }

  /** Of those that nobody holds back, in the order of site ids. */
  standing(): { id: string; update: ReceivedUpdate }[] {
    return [...this.#updates]
      .filter(([, { verdict }]) => verdict === 'accepted' || verdict === 'released')
      .map(([id, update]) => ({ id, update }))
      .sort((a, b) => (a.update.siteId < b.update.siteId ? -1 : 1));
  }

  /** What `standing` count, in their order. */
  weights({ aggregation }: StudyManifest): number[] {
    return siteWeights(
      this.standing().map(({ update }) => update),
      aggregation,
      this.number,
    );
  }
}
