/** Why a command ends early. Closed: each kind has its own exit code. */
export type FailureKind = 'usage' | 'differs' | 'missing' | 'unreachable' | 'refused';

/** What a script may rely on; the numbers are those of consilium-node and consilium-server. */
export const EXIT_CODES: Readonly<Record<FailureKind | 'ok' | 'internal' | 'interrupted', number>> = {
  ok: 0,
  internal: 1,
  usage: 2,
  differs: 3,
  missing: 4,
  unreachable: 10,
  refused: 11,
  interrupted: 130,
};

/** An expected end: the message is one sentence for the user. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly kind: FailureKind,
    sentence: string,
    options?: ErrorOptions,
  ) {
    super(sentence, options);
  }
}

/** The code of a system error, as in ENOENT. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
