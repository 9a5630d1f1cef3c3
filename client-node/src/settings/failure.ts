/** Why a command ends early. Closed: each kind has its own exit code (cli/exit-codes.ts). */
export type FailureKind =
  | 'internal'
  | 'usage'
  | 'server-unreachable'
  | 'refused'
  | 'bad-data'
  | 'disk-full'
  | 'engine-unavailable'
  | 'port-taken'
  | 'log-forked'
  | 'stopped-at-site'
  | 'interrupted';

/** An expected end: the message is one sentence for the user (who, what was expected, what came), never a stack trace. */
export class NodeFailure extends Error {
  override readonly name = 'NodeFailure';

  constructor(
    readonly kind: FailureKind,
    sentence: string,
    options?: ErrorOptions,
  ) {
    super(sentence, options);
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`ENOSPC`), also where fetch hides it in a chain of causes. */
export function systemCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    if (current instanceof AggregateError && current.errors.length > 0) return systemCode(current.errors[0]);
  }
  return undefined;
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Any error of a file operation as the sentence and kind that its user can act on. */
export function asFileFailure(error: unknown, what: string): NodeFailure {
  if (error instanceof NodeFailure) return error;
  const code = systemCode(error) ?? '';
  if (FULL.has(code)) {
    return new NodeFailure('disk-full', `${what}: the disk is full; free some space and start again`, { cause: error });
  }
  if (FORBIDDEN.has(code)) {
    return new NodeFailure('usage', `${what}: expected a place that this user may use, got ${code}`, { cause: error });
  }
  return new NodeFailure('internal', `${what}: ${errorText(error)}`, { cause: error });
}
