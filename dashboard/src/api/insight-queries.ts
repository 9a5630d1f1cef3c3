import {
  MetricPoint,
  ModelLineage,
  Participation,
  PrototypeReport,
  RoundTimeline,
  StudyCurves,
  Transfer,
  UpdateEvidence,
} from '@consilium/shared';
import { queryOptions } from '@tanstack/react-query';
import { get } from './request.js';

/** What the server derives from its rows. Keys begin with what they belong to, so that its changes refetch them. */

export function timelineQuery(roundId: string) {
  return queryOptions({
    queryKey: ['rounds', roundId, 'timeline'],
    queryFn: ({ signal }) => get(`/rounds/${encodeURIComponent(roundId)}/timeline`, RoundTimeline, signal),
  });
}

export function evidenceQuery(roundId: string) {
  return queryOptions({
    queryKey: ['rounds', roundId, 'evidence'],
    queryFn: ({ signal }) => get(`/rounds/${encodeURIComponent(roundId)}/evidence`, UpdateEvidence.array(), signal),
  });
}

export function metricsQuery(roundId: string) {
  return queryOptions({
    queryKey: ['rounds', roundId, 'metrics'],
    queryFn: ({ signal }) => get(`/rounds/${encodeURIComponent(roundId)}/metrics`, MetricPoint.array(), signal),
  });
}

/** Of a committed model, which never changes. */
export function prototypesQuery(roundId: string) {
  return queryOptions({
    queryKey: ['prototypes', roundId],
    queryFn: ({ signal }) => get(`/rounds/${encodeURIComponent(roundId)}/prototypes`, PrototypeReport, signal),
    staleTime: Infinity,
    refetchInterval: false,
  });
}

export function curvesQuery(studyId: string) {
  return queryOptions({
    queryKey: ['curves', studyId],
    queryFn: ({ signal }) => get(`/studies/${encodeURIComponent(studyId)}/curves`, StudyCurves, signal),
  });
}

export function lineageQuery(studyId: string) {
  return queryOptions({
    queryKey: ['lineage', studyId],
    queryFn: ({ signal }) => get(`/studies/${encodeURIComponent(studyId)}/lineage`, ModelLineage.array(), signal),
  });
}

export function participationQuery(siteId: string) {
  return queryOptions({
    queryKey: ['sites', siteId, 'participation'],
    queryFn: ({ signal }) => get(`/sites/${encodeURIComponent(siteId)}/participation`, Participation.array(), signal),
  });
}

export function transfersQuery(siteId: string) {
  return queryOptions({
    queryKey: ['sites', siteId, 'transfers'],
    queryFn: ({ signal }) => get(`/sites/${encodeURIComponent(siteId)}/transfers`, Transfer.array(), signal),
  });
}
