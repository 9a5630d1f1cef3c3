import { LocalData, LocalSite, LocalStudy, SentSummary } from '@consilium/shared';
import { queryOptions } from '@tanstack/react-query';
import { get } from '../api/request.js';

/** The node tells nothing by itself: the page looks. */
const OFTEN = { refetchInterval: 2_000, staleTime: 0 } as const;
const NOW_AND_THEN = { refetchInterval: 15_000 } as const;

export const siteQuery = queryOptions({
  queryKey: ['local-site'],
  queryFn: ({ signal }) => get('/site', LocalSite, signal),
  ...OFTEN,
});

export const sentQuery = queryOptions({
  queryKey: ['sent'],
  queryFn: ({ signal }) => get('/sent', SentSummary, signal),
  ...NOW_AND_THEN,
});

export const localStudiesQuery = queryOptions({
  queryKey: ['local-studies'],
  queryFn: ({ signal }) => get('/studies', LocalStudy.array(), signal),
  ...NOW_AND_THEN,
});

export const localDataQuery = queryOptions({
  queryKey: ['local-data'],
  queryFn: ({ signal }) => get('/data', LocalData, signal),
  refetchInterval: false,
});
