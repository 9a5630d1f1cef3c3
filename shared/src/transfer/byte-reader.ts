/** Takes exactly so many bytes at a time from pieces of any length; holds no more than it is asked for and one piece. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Null where the bytes end before. */
  async take(count: number): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(count);
    for (let done = 0; done < count;) {
      if (this.#rest.length === 0 && !(await this.#next())) return null;
      const piece = this.#rest.subarray(0, count - done);
      bytes.set(piece, done);
      done += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    return bytes;
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#next());
  }

  /** What has not been taken, as it comes. */
  async *remaining(): AsyncGenerator<Uint8Array> {
    while (this.#rest.length > 0 || (await this.#next())) {
      const piece = this.#rest;
      this.#rest = new Uint8Array();
      yield piece;
    }
  }

  /** Lets the source go, whether or not it has come to its end. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<boolean> {
    do {
      const step = await this.#pieces.next();
      if (step.done === true) return false;
      this.#rest = step.value;
    } while (this.#rest.length === 0);
    return true;
  }
}
