import {
  StudyManifest,
  type Assignment,
  type DataCard,
  type Evaluation,
  type LeaveRound,
  type Progress,
  type SiteApproval,
  type SiteHello,
  type SubmitAnswer,
  type UpdateManifest,
} from '@consilium/shared';
import type { Evaluated, Job, ResultOf, TrainedUpdate } from '../trainer/messages.js';
import type { JobOptions, Trainer } from '../trainer/trainer-process.js';
import type { ControlLine, ControlLineEvents } from './control-line.js';
import type { BlobCache } from './transport/blob-cache.js';
import type { RestClient } from './transport/rest-client.js';

/** A server and a trainer in memory, for the agent's tests. */
export const ROUND_ID = '0b6a2f7e-6a55-4c1e-8d3f-1c2d3e4f5a6b';
const STUDY_ID = '3f2b8c1d-4e5f-4a6b-9c7d-8e9f0a1b2c3d';
const digest = (version: number): string => String(version).padStart(64, '0');

export function assignmentOf(version: number, round: number | null, finished = false): Assignment {
  const blob = { digest: digest(version), bytes: 1000 };
  return {
    offers: [],
    study: { id: STUDY_ID, digest: digest(99), manifest: StudyManifest.parse({ name: 'left atrium' }) },
    model: { studyId: STUDY_ID, version, blob, createdAt: '2026-01-01T00:00:00Z' },
    round:
      round === null ? null : { id: ROUND_ID, number: round, base: blob, deadline: '2026-01-02T00:00:00Z', late: [] },
    exclusions: [],
    finished,
    checkpoint: `checkpoint ${version}`,
  };
}

const METRICS = { loss: 0.5, supervised: 0.5, unsupervised: null, cps: null, secondsPerStep: 0.1 };

const SCALARS = { 'training/learning_rate': 0.01 };

export function trainedAs(): TrainedUpdate {
  return {
    blob: { digest: digest(7), bytes: 1000 },
    labelled: 2,
    unlabelled: 3,
    steps: 5,
    metrics: METRICS,
    resumedFrom: 0,
  };
}

export function evaluatedAs(dice: number): Evaluated {
  const mean = { dice, jaccard: dice, hd95: 4, asd: 1 };
  return { volumes: [{ name: 'a', ...mean }], mean };
}

export class FakeServer {
  assign: () => Assignment | Error = () => assignmentOf(0, null, true);
  answer: SubmitAnswer = { accepted: true, updateId: ROUND_ID, receipt: null };
  readonly evaluations: Evaluation[] = [];
  readonly updates: UpdateManifest[] = [];
  readonly progress: Progress[] = [];
  readonly left: { roundId: string; reason: string }[] = [];
  greetings = 0;
  /** Asked for in this order; after the last one the site is approved. */
  approvals: SiteApproval['state'][] = [];
  #events: ControlLineEvents | undefined;

  readonly rest = {
    health: () => Promise.resolve({}),
    approval: () => Promise.resolve({ state: this.approvals.shift() ?? 'enrolled' }),
    assignment: () => {
      const next = this.assign();
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    leaveRound: (roundId: string, { reason }: LeaveRound) => {
      this.left.push({ roundId, reason });
      return Promise.resolve();
    },
    submitEvaluation: (evaluation: Evaluation) => {
      this.evaluations.push(evaluation);
      return Promise.resolve();
    },
    submitUpdate: (jws: string) => {
      this.updates.push(JSON.parse(jws) as UpdateManifest);
      return Promise.resolve(this.answer);
    },
  } as unknown as RestClient;

  readonly blobs = {
    fetch: ({ digest: name }: { digest: string }) => Promise.resolve(`/blobs/${name}`),
    prune: () => Promise.resolve(),
  } as unknown as BlobCache;

  connect(events: ControlLineEvents): ControlLine {
    this.#events = events;
    return {
      open: () => undefined,
      close: () => undefined,
      progress: (progress) => this.progress.push(progress),
      greet: () => this.greetings++,
    };
  }

  wake(): void {
    this.#events!.onWake();
  }

  hello(): SiteHello {
    return this.#events!.hello();
  }
}

export class FakeTrainer implements Trainer {
  readonly kinds: Job['kind'][] = [];
  card: DataCard = { labelled: 2, unlabelled: 3, validation: 1 };
  /** A job of this kind lasts until `release`, or until it is given up. */
  holds: Job['kind'] | undefined;
  fails: { kind: Job['kind']; error: Error } | undefined;
  #release: ((result: unknown) => void) | undefined;

  async run<J extends Job>(job: J, options: JobOptions = {}): Promise<ResultOf<J>> {
    this.kinds.push(job.kind);
    if (this.fails?.kind === job.kind) throw this.fails.error;
    if (this.holds === job.kind) return (await this.#held(options.signal)) as ResultOf<J>;
    return this.#result(job, options) as ResultOf<J>;
  }

  release(result: unknown): void {
    this.holds = undefined;
    this.#release?.(result);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #held(signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#release = resolve;
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  #result(job: Job, options: JobOptions): unknown {
    if (job.kind === 'survey') return { engine: 'fake', card: this.card, findings: [] };
    if (job.kind === 'evaluate') return evaluatedAs(0.5);
    for (const done of [1, 5]) options.onProgress?.({ done, total: 5, metrics: METRICS, scalars: SCALARS });
    return trainedAs();
  }
}
