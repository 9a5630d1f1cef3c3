import { MerkleFrontier } from '@consilium/shared';
import type { LogSource } from './log-queries.js';
import { hex, leafOf } from './verification.js';

const AT_ONCE = 1000;

/** The root of the first `size` entries, hexadecimal, from the entries themselves. Throws where one is missing. */
export async function recountLog(size: number, source: LogSource): Promise<string> {
  const frontier = new MerkleFrontier();
  while (frontier.size < size) {
    const { entries } = await source.entries({ from: frontier.size, limit: AT_ONCE, order: 'oldest' });
    if (entries.length === 0) throw new Error(`The log ends at entry ${frontier.size}, and claims ${size}.`);
    for (const { index, event } of entries.slice(0, size - frontier.size)) {
      if (index !== frontier.size) throw new Error(`Expected entry ${frontier.size}, got entry ${index}.`);
      frontier.append(leafOf(event));
    }
  }
  return hex(frontier.root());
}
