/** Why no native engine could be had; each comes with one sentence that says what to install or change. */
export type SetupProblemCode =
  | 'unsupported-platform'
  | 'package-missing'
  | 'no-python'
  | 'no-pip'
  | 'no-compiler'
  | 'no-network'
  | 'disk-full'
  | 'cache-not-writable'
  | 'wheel-refused'
  | 'compile-failed'
  | 'smoke-test-failed'
  | 'stock-unavailable'
  | 'turned-off'
  | 'unexpected';

/** Thrown inside the set-up and turned into a value at its border: the set-up never fails an installation. */
export class SetupProblem extends Error {
  constructor(
    readonly code: SetupProblemCode,
    sentence: string,
  ) {
    super(sentence);
    this.name = 'SetupProblem';
  }
}

/** Turns what the file system throws into a problem; anything unknown keeps its own message. */
export function problemOf(error: unknown): SetupProblem {
  if (error instanceof SetupProblem) return error;
  const { code, path, message } = error as NodeJS.ErrnoException;
  const where = path ?? 'the engine cache';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SetupProblem('disk-full', `The disk is full while writing ${where}: free some space and start again.`);
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new SetupProblem(
      'cache-not-writable',
      `${where} cannot be written: set CONSILIUM_ENGINE_CACHE to a folder of your own.`,
    );
  }
  return new SetupProblem('unexpected', `The engine set-up stopped: ${message}`);
}
