import { NodeProgress } from '@consilium/shared';
import type { NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { NodeState } from './report.js';

/** Milliseconds between two writes while a state lasts. */
const EVERY = 1_000;
/** Points of a curve: beyond it every other one goes. */
const POINTS = 500;

/** What the node is doing, in its home, for the site's page, which is another process. Losing it costs nothing. */
export class ProgressFile {
  #losses: NodeProgress['losses'] = [];
  #round: number | null = null;
  #last: { state: string; at: number } | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly home: Pick<NodeHome, 'progress'>,
    private readonly now: () => number,
    private readonly warn: (sentence: string) => void,
  ) {}

  take(state: NodeState): void {
    this.#keepLoss(state);
    const at = this.now();
    if (this.#last?.state === state.state && at - this.#last.at < EVERY) return;
    this.#last = { state: state.state, at };
    const counted = 'done' in state ? { done: state.done, total: state.total } : { done: null, total: null };
    const progress: NodeProgress = {
      at: new Date(at).toISOString(),
      state: state.state,
      round: 'round' in state ? state.round : null,
      ...counted,
      sentence: 'sentence' in state ? state.sentence : null,
      losses: this.#losses,
    };
    this.#writing = this.#writing
      .then(() => writeWholeFile(this.home.progress, JSON.stringify(progress)))
      .catch((error: unknown) => this.warn(`the progress for the site's page was not written: ${String(error)}`));
  }

  #keepLoss(state: NodeState): void {
    if (state.state !== 'training') return;
    if (this.#round !== state.round) this.#losses = [];
    this.#round = state.round;
    if (state.metrics === null || this.#losses.at(-1)?.step === state.done) return;
    this.#losses.push({ step: state.done, loss: state.metrics.loss });
    if (this.#losses.length > POINTS) this.#losses = this.#losses.filter((_, i) => i % 2 === 1);
  }
}

export async function readProgress(home: Pick<NodeHome, 'progress'>): Promise<NodeProgress | null> {
  return (await readJsonIfPresent(home.progress, NodeProgress)) ?? null;
}
