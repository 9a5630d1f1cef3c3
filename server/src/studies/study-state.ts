import type { StudyState } from '@consilium/shared';

export type StudyEvent = 'start' | 'pause' | 'resume' | 'stop' | 'give-up' | 'finish';

/** give-up: the server pauses a study whose rounds keep being aborted. finish: its last round was committed. */
const transitions: Record<StudyState, Partial<Record<StudyEvent, StudyState>>> = {
  draft: { start: 'running', stop: 'stopped' },
  running: { pause: 'paused', stop: 'stopped', 'give-up': 'paused', finish: 'finished' },
  paused: { resume: 'running', stop: 'stopped', finish: 'finished' },
  finished: {},
  stopped: {},
};

/** Null where a study in this state does not take the event. */
export function studyAfter(state: StudyState, event: StudyEvent): StudyState | null {
  return transitions[state][event] ?? null;
}
