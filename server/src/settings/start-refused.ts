/** What the process ends with, for scripts and service managers. */
export const ExitCode = {
  ok: 0,
  internal: 1,
  usage: 2,
  /** A recomputed model is another one; something that it is made from is gone. */
  differs: 3,
  missing: 4,
  diskFull: 13,
  portTaken: 15,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The server cannot start, for a reason that a person can remove. The message is one sentence for that person. */
export class StartRefused extends Error {
  constructor(
    readonly exitCode: ExitCode,
    sentence: string,
  ) {
    super(sentence);
    this.name = 'StartRefused';
  }
}

/** The operating system's code of a file or network error, as in ENOSPC. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
