import { LogEvent } from '@consilium/shared';
import type { LogSource } from './log-queries.js';

type Sharing = Extract<LogEvent, { type: 'update-received' | 'model-measured' }>;

/** Something that left a site, and where the log says so. */
export interface SharedObject {
  index: number;
  event: Sharing;
}

const AT_ONCE = 1000;

/** What a site has shared in a month ("2026-05", UTC), oldest first. */
export async function sharedIn(siteId: string, month: string, source: LogSource): Promise<SharedObject[]> {
  const found: SharedObject[] = [];
  let from: number | null = null;
  do {
    const page = await source.entries({
      site: siteId,
      order: 'newest',
      limit: AT_ONCE,
      ...(from === null ? {} : { from }),
    });
    for (const { index, event } of page.entries) {
      const known = LogEvent.safeParse(event).data;
      // Newest first: what is older than the month ends the search.
      if (known !== undefined && known.at.slice(0, 7) < month) return found.reverse();
      const shares = known?.type === 'update-received' || known?.type === 'model-measured';
      if (shares && known.at.startsWith(month)) found.push({ index, event: known });
    }
    from = page.next;
  } while (from !== null);
  return found.reverse();
}

/** "2026-05" of this month and those before it, newest first. */
export function monthsBefore(now: Date, count: number): string[] {
  return Array.from({ length: count }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7),
  );
}

export function monthName(month: string): string {
  return new Date(`${month}-01T00:00:00Z`).toLocaleDateString('en', {
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
}
