import { CheckpointView, ConsistencyProof, InclusionProof, type RawLogEntry, RawLogPage } from '@consilium/shared';
import { queryOptions } from '@tanstack/react-query';
import { get } from '../api/request.js';
import type { AuditSearch } from './audit-search.js';

type Filter = Pick<AuditSearch, 'type' | 'site' | 'study' | 'round' | 'from'>;

/** Rows of the table at a time. */
export const PAGE = 50;

export function entriesQuery(filter: Filter) {
  return queryOptions({
    queryKey: ['log', 'entries', filter],
    queryFn: ({ signal }) => get(entriesPath({ ...filter, order: 'newest', limit: PAGE }), RawLogPage, signal),
  });
}

export const checkpointQuery = queryOptions({
  queryKey: ['log', 'checkpoint'],
  queryFn: ({ signal }) => get('/log/checkpoint', CheckpointView, signal),
});

interface Asked extends Filter {
  order: 'newest' | 'oldest';
  limit: number;
}

export function entriesPath(asked: Asked): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(asked)) if (value !== undefined) parameters.set(key, String(value));
  return `/log/entries?${parameters.toString()}`;
}

/** What verification asks the server; it believes nothing of it. */
export interface LogSource {
  entries(asked: Asked): Promise<{ entries: RawLogEntry[]; next: number | null }>;
  inclusion(index: number, size: number): Promise<string[]>;
  consistency(from: number, to: number): Promise<string[]>;
}

export const logOfServer: LogSource = {
  entries: (asked) => get(entriesPath(asked), RawLogPage),
  inclusion: async (index, size) =>
    (await get(`/log/proof/inclusion?index=${index}&size=${size}`, InclusionProof)).proof,
  consistency: async (from, to) => (await get(`/log/proof/consistency?from=${from}&to=${to}`, ConsistencyProof)).proof,
};
