import { ReleaseState, RoundSummary, RoundView, SiteView, StudyConsent, StudyView } from '@consilium/shared';
import { QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import { Failure } from './failure.js';
import { get } from './request.js';

const failingSince = new Map<string, number>();

/** When this query first failed without an answer since, in ms; undefined while it answers. */
export function failureStart(queryHash: string): number | undefined {
  return failingSince.get(queryHash);
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (_error, query) => {
      if (!failingSince.has(query.queryHash)) failingSince.set(query.queryHash, Date.now());
    },
    onSuccess: (_data, query) => {
      failingSince.delete(query.queryHash);
    },
  }),
  defaultOptions: {
    queries: {
      // The socket says what changed; one slow look a minute covers a message that was lost.
      refetchInterval: 60_000,
      staleTime: 5_000,
      networkMode: 'always',
      retry: (count, error) => count < 1 && error instanceof Failure && error.kind === 'unreachable',
      retryDelay: 500,
    },
    mutations: { networkMode: 'always' },
  },
});

export const studiesQuery = queryOptions({
  queryKey: ['studies'],
  queryFn: ({ signal }) => get('/studies', StudyView.array(), signal),
});

export function studyQuery(id: string) {
  return queryOptions({
    queryKey: ['studies', id],
    queryFn: ({ signal }) => get(`/studies/${encodeURIComponent(id)}`, StudyView, signal),
  });
}

export function consentsQuery(studyId: string) {
  return queryOptions({
    queryKey: ['studies', studyId, 'consents'],
    queryFn: ({ signal }) => get(`/studies/${encodeURIComponent(studyId)}/consents`, StudyConsent.array(), signal),
  });
}

export function releaseQuery(studyId: string) {
  return queryOptions({
    queryKey: ['studies', studyId, 'release'],
    queryFn: ({ signal }) => get(`/studies/${encodeURIComponent(studyId)}/release`, ReleaseState, signal),
  });
}

export function studyRoundsQuery(studyId: string) {
  return queryOptions({
    queryKey: ['study-rounds', studyId],
    queryFn: ({ signal }) =>
      get(`/studies/${encodeURIComponent(studyId)}/round-summaries`, RoundSummary.array(), signal),
    select: inOrder,
  });
}

export function roundQuery(id: string) {
  return queryOptions({
    queryKey: ['rounds', id],
    queryFn: ({ signal }) => get(`/rounds/${encodeURIComponent(id)}`, RoundView, signal),
  });
}

export const sitesQuery = queryOptions({
  queryKey: ['sites'],
  queryFn: ({ signal }) => get('/sites', SiteView.array(), signal),
  select: byName,
});

function inOrder(rounds: RoundSummary[]): RoundSummary[] {
  // A planned round comes after all attempts that were opened under its number.
  const opened = ({ openedAt }: RoundSummary): number => (openedAt === null ? Number.MAX_VALUE : Date.parse(openedAt));
  return rounds.toSorted((a, b) => a.number - b.number || opened(a) - opened(b));
}

function byName(sites: SiteView[]): SiteView[] {
  return sites.toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
}
