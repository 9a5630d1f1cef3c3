/**
 * A seeded stream of random numbers: xoshiro128** (Blackman and Vigna 2018), seeded through splitmix32.
 * The same seed and labels give the same stream on every machine; `state` saves and `restore` continues it.
 */
export class Random {
  #state: Uint32Array;

  private constructor(state: Uint32Array) {
    this.#state = state;
  }

  /** Labels separate the streams of one seed: `Random.from(seed, 'site', 3, 'augmentation')`. */
  static from(seed: number, ...labels: (string | number)[]): Random {
    let hash = seed >>> 0;
    for (const character of labels.map((label) => `${typeof label}:${label}`).join('\u0000')) {
      hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) >>> 0;
      hash ^= hash >>> 15;
    }
    const state = new Uint32Array(4);
    for (let i = 0; i < 4; i++) {
      hash = (hash + 0x9e3779b9) >>> 0;
      let word = hash;
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      state[i] = word ^ (word >>> 15);
    }
    return new Random(state);
  }

  static restore(state: readonly number[]): Random {
    if (state.length !== 4) throw new RangeError(`random state: expected 4 words, got ${state.length}`);
    return new Random(Uint32Array.from(state));
  }

  get state(): number[] {
    return Array.from(this.#state);
  }

  /** 32 random bits, 0 to 2^32 - 1. */
  bits(): number {
    const s = this.#state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.bits() / 0x1_0000_0000);
  }

  /** Whole number, 0 to `count` - 1. */
  below(count: number): number {
    if (!(count >= 1)) throw new RangeError(`random index: expected at least one choice, got ${count}`);
    return Math.floor(this.uniform() * count);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** Standard normal, by Box and Muller; one of the pair is thrown away so that the state stays four words. */
  normal(): number {
    return Math.sqrt(-2 * Math.log((this.bits() + 1) / 0x1_0000_0001)) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Beta(a, b) for whole a and b: the a-th smallest of a + b - 1 uniform draws. */
  beta(a: number, b: number): number {
    const draws = Array.from({ length: a + b - 1 }, () => this.uniform()).sort((x, y) => x - y);
    return draws[a - 1];
  }

  /** Fisher and Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
