import type { Progress } from '@consilium/shared';
import type { AgentOptions } from './agent.js';
import type { ControlLine } from './control-line.js';
import type { Patience } from './patience.js';

/** What a task works with: the agent's own means, and the signal that gives the task up. */
export interface TaskTools extends AgentOptions {
  patience: Patience;
  line: ControlLine;
  /** Fires when the task is no longer wanted, or the node ends. */
  signal: AbortSignal;
  /** Fires only when the node ends. */
  nodeSignal: AbortSignal;
}

const PROGRESS_EVERY_MS = 1000;

/** Progress to the server at most once a second; the first and the last of each phase always go. */
export class ProgressLine {
  #lastPhase = '';
  #lastSent = -Infinity;

  constructor(
    private readonly tools: Pick<TaskTools, 'clock' | 'line'>,
    private readonly roundId: string,
  ) {}

  send(progress: Omit<Progress, 'roundId'>): void {
    const now = this.tools.clock.now();
    const isEdge = progress.phase !== this.#lastPhase || progress.done === progress.total;
    if (!isEdge && now - this.#lastSent < PROGRESS_EVERY_MS) return;
    this.#lastPhase = progress.phase;
    this.#lastSent = now;
    this.tools.line.progress({ roundId: this.roundId, ...progress });
  }
}

/** Bytes as whole per cent: the protocol counts to a million. */
export function percent(bytes: number, total: number): { done: number; total: number } {
  return { done: Math.floor((100 * bytes) / total), total: 100 };
}
