/** A standard stream, as far as it is a terminal. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TO_LINE_START = '\r\u001b[2K';
const UP = '\u001b[1A';

/** Lines that overwrite themselves on a terminal, and do not exist elsewhere. */
export class StatusLine {
  #shown = '';

  constructor(private readonly stream: Terminal) {}

  show(text: string): void {
    if (this.stream.isTTY !== true || text === this.#shown) return;
    // A terminal that does not know its width says 0.
    const width = this.stream.columns !== undefined && this.stream.columns > 0 ? this.stream.columns - 1 : 79;
    const lines = text.split('\n').map((line) => line.slice(0, width));
    this.stream.write(this.#toStart() + lines.join('\n'));
    this.#shown = text;
  }

  clear(): void {
    if (this.#shown === '') return;
    this.stream.write(this.#toStart());
    this.#shown = '';
  }

  #toStart(): string {
    return TO_LINE_START + (UP + TO_LINE_START).repeat(this.#shown.split('\n').length - 1);
  }
}
