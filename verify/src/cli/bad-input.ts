/** What was given cannot be used: the message is one sentence that says what was expected. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}

/** The code of a system error, as in ENOENT. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
