import type { FailureKind } from '../settings/failure.js';

/** What a script may rely on. */
export const EXIT_CODES: Readonly<Record<FailureKind | 'ok', number>> = {
  ok: 0,
  internal: 1,
  usage: 2,
  'server-unreachable': 10,
  refused: 11,
  'bad-data': 12,
  'disk-full': 13,
  'engine-unavailable': 14,
  'port-taken': 15,
  'log-forked': 16,
  'stopped-at-site': 17,
  interrupted: 130,
};
