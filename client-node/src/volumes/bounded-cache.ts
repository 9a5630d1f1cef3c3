/** Values up to a number of bytes in all; the one used longest ago makes room. The newest always stays, even alone above the limit. */
export class BoundedCache<V> {
  /** Map keeps insertion order: the first is the one used longest ago. */
  readonly #held = new Map<string, V>();
  #bytes = 0;

  constructor(
    private readonly limit: number,
    private readonly sizeOf: (value: V) => number,
  ) {}

  get(key: string): V | undefined {
    const known = this.#held.get(key);
    if (known !== undefined) {
      this.#held.delete(key);
      this.#held.set(key, known);
    }
    return known;
  }

  /** For a key that is not held. */
  add(key: string, value: V): void {
    this.#held.set(key, value);
    this.#bytes += this.sizeOf(value);
    for (const [oldest, held] of this.#held) {
      if (this.#bytes <= this.limit || this.#held.size === 1) return;
      this.#held.delete(oldest);
      this.#bytes -= this.sizeOf(held);
    }
  }
}
