import type { Assignment, ModelVersion, StudyManifest } from '@consilium/shared';

export interface AssignedStudy {
  id: string;
  digest: string;
  manifest: StudyManifest;
}
export type AssignedRound = NonNullable<Assignment['round']>;

/** What the node does next. One at a time, in the order of `nextTask`. */
export type Task =
  | { kind: 'evaluate'; study: AssignedStudy; model: ModelVersion; waitingRound: string | null }
  | { kind: 'contribute'; study: AssignedStudy; round: AssignedRound }
  /** Have the newest model at hand for `predict`. */
  | { kind: 'keep'; study: AssignedStudy; model: ModelVersion }
  | { kind: 'wait'; finished: boolean };

/** What the node knows beside the assignment. */
export interface Known {
  role: 'trainer' | 'observer';
  trainingVolumes: number;
  validationVolumes: number;
  /** Versions seen and not yet measured, oldest first; they may no longer be the newest. */
  unmeasured: readonly { study: AssignedStudy; model: ModelVersion }[];
  isClosed: (roundId: string) => boolean;
  keptModel: string | undefined;
}

/** Measuring comes before training: a round that commits meanwhile would leave its base without figures. */
export function nextTask(assignment: Assignment, known: Known): Task {
  const { study, model, round } = assignment;
  if (known.validationVolumes > 0) {
    const oldest = known.unmeasured.at(0);
    if (oldest !== undefined) return { kind: 'evaluate', ...oldest, waitingRound: round?.id ?? null };
  }
  if (study === null) return { kind: 'wait', finished: assignment.finished };
  const trains = known.role === 'trainer' && known.trainingVolumes > 0;
  if (trains && round !== null && !known.isClosed(round.id)) return { kind: 'contribute', study, round };
  if (model !== null && model.blob.digest !== known.keptModel) return { kind: 'keep', study, model };
  return { kind: 'wait', finished: assignment.finished };
}

/** Whether a task that runs is still wanted, by a newer assignment: a study may carry what comes late into the next round. */
export function isStillWanted(task: Task, assignment: Assignment): boolean {
  if (task.kind !== 'contribute') return true;
  const { round } = assignment;
  return round !== null && (round.id === task.round.id || round.late.includes(task.round.id));
}
