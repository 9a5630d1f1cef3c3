/** The filters of the audit page, as its address holds them. */
export interface AuditSearch {
  type?: string;
  /** Id of a site. */
  site?: string;
  /** Digest of a study. */
  study?: string;
  /** Id of a round. */
  round?: string;
  /** Index of the newest entry shown; without it the newest of all. */
  from?: number;
  /** "2026-05", for the question what a site shared in a month. */
  month?: string;
}

export function auditSearch(search: Record<string, unknown>): AuditSearch {
  const found: AuditSearch = {};
  for (const key of ['type', 'site', 'study', 'round'] as const) {
    const value = search[key];
    if (typeof value === 'string' && value !== '') found[key] = value;
  }
  const { from, month } = search;
  if (typeof from === 'number' && Number.isInteger(from) && from >= 0) found.from = from;
  if (typeof month === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/.test(month)) found.month = month;
  return found;
}
