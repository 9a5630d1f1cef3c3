/** What does not hold, in one sentence; `index` of the log entry that it is about. */
export interface Problem {
  /** wrong: it contradicts the log, a signature or itself. missing: what it takes to tell is not there. */
  kind: 'wrong' | 'missing';
  index: number | null;
  sentence: string;
}

/** A log of a million forged entries is as wrong as one of a hundred. */
const KEPT = 100;

export class Findings {
  readonly #problems: Problem[] = [];
  #first: Problem | undefined;
  #count = 0;

  wrong(index: number | null, sentence: string): void {
    this.add({ kind: 'wrong', index, sentence });
  }

  missing(index: number | null, sentence: string): void {
    this.add({ kind: 'missing', index, sentence });
  }

  add(problem: Problem): void {
    this.#count += 1;
    if (this.#problems.length < KEPT) this.#problems.push(problem);
    if (this.#first === undefined || order(problem, this.#first) < 0) this.#first = problem;
  }

  get count(): number {
    return this.#count;
  }

  /** What counts most: a wrong entry before what is missing, and of the wrong ones the earliest. */
  get first(): Problem | undefined {
    return this.#first;
  }

  /** In that order; at most a hundred of them. */
  list(): Problem[] {
    return [...this.#problems].sort(order);
  }
}

function order(one: Problem, other: Problem): number {
  if (one.kind !== other.kind) return one.kind === 'wrong' ? -1 : 1;
  return (one.index ?? Infinity) - (other.index ?? Infinity) || 0;
}
