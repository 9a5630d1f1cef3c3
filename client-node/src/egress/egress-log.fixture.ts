import { readEgressLog, type EgressEntry } from './egress-log.js';

export async function entriesIn(path: string): Promise<EgressEntry[]> {
  const entries: EgressEntry[] = [];
  for await (const entry of readEgressLog(path)) entries.push(entry);
  return entries;
}
