import type { StudyState, StudyView } from '@consilium/shared';

/** Which study an operator most likely comes for, when the address names none. */
const INTEREST: Record<StudyState, number> = { running: 0, paused: 1, draft: 2, finished: 3, stopped: 4 };

export function currentStudy(studies: StudyView[], wanted: string | undefined): StudyView | null {
  const named = studies.find((study) => study.id === wanted);
  if (named !== undefined) return named;
  const byInterest = studies.toSorted(
    (a, b) => INTEREST[a.state] - INTEREST[b.state] || Date.parse(b.createdAt) - Date.parse(a.createdAt),
  );
  return byInterest.at(0) ?? null;
}
