import { StatusLine } from '@consilium/shared/terminal';

/** Answers on standard output, as text or JSON; what is only for people who wait, on standard error. */
export class Console {
  readonly status = new StatusLine(process.stderr);

  answer(json: boolean | undefined, value: unknown, text: string): void {
    this.line(json === true ? JSON.stringify(value, null, 2) : text);
  }

  line(text: string): void {
    this.status.clear();
    process.stdout.write(`${text}\n`);
  }
}
