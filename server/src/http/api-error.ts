/** Every error answer of the REST interface that a caller can expect, with its HTTP status. A closed list. */
export const apiErrors = {
  'invalid-request': 400,
  'login-refused': 401,
  'code-needed': 401,
  unauthenticated: 401,
  'token-expired': 401,
  'token-used': 401,
  'clock-skew': 401,
  'site-revoked': 401,
  forbidden: 403,
  'site-pending': 403,
  'code-unknown': 403,
  'code-used': 403,
  'code-expired': 403,
  'not-found': 404,
  conflict: 409,
  'fingerprint-differs': 409,
  'too-large': 413,
  'digest-mismatch': 422,
  'too-many-attempts': 429,
  internal: 500,
  'not-ready': 503,
  'disk-full': 507,
} as const;
export type ApiErrorCode = keyof typeof apiErrors;

/** A request that is answered with "no". The sentence goes to the caller as it stands. */
export class ApiError extends Error {
  constructor(
    readonly code: ApiErrorCode,
    sentence: string,
    options?: ErrorOptions,
  ) {
    super(sentence, options);
    this.name = 'ApiError';
  }

  get status(): number {
    return apiErrors[this.code];
  }
}
