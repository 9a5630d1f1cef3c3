import type { NodeState } from '../agent/report.js';

interface Progress {
  what: string;
  done: number;
  total: number;
  detail: string;
}

/** Share of training time. */
const NOTABLE_WAIT = 0.03;

/** Null for states that the agent itself logs. */
function progressOf(state: NodeState): Progress | null {
  switch (state.state) {
    case 'fetching':
      return { ...state, what: `fetching model ${state.model.slice(0, 12)}`, detail: '' };
    case 'evaluating':
      return { ...state, what: `measuring model version ${state.version}`, detail: '' };
    case 'training': {
      const { metrics, done, total, dataWaitShare } = state;
      const figures =
        metrics === null ? '' : `, loss ${metrics.loss.toFixed(3)}, ${metrics.secondsPerStep.toFixed(2)} s/step`;
      // Where it would help to give a node more --data-workers.
      const waiting =
        dataWaitShare < NOTABLE_WAIT ? '' : `, ${Math.round(100 * dataWaitShare)} % of it waiting for data`;
      return { ...state, what: `round ${state.round}: training`, detail: ` ${done}/${total}${figures}${waiting}` };
    }
    case 'uploading':
      return { ...state, what: `round ${state.round}: uploading`, detail: '' };
    default:
      return null;
  }
}

/** The last line of a terminal; empty when nothing is under way. */
export function statusLine(state: NodeState): string {
  const progress = progressOf(state);
  return progress === null ? '' : `${progress.what} ${bar(progress.done, progress.total)}${progress.detail}`;
}

/** For a log; empty when nothing is under way, or just done. */
export function statusSentence(state: NodeState): string {
  const progress = progressOf(state);
  if (progress === null || progress.done >= progress.total) return '';
  return `${progress.what}${progress.detail === '' ? ` ${percent(progress.done, progress.total)} %` : progress.detail}`;
}

const WIDTH = 24;

export function bar(done: number, total: number): string {
  const filled = Math.round((percent(done, total) / 100) * WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(percent(done, total)).padStart(3)} %`;
}

function percent(done: number, total: number): number {
  return total > 0 ? Math.floor(100 * Math.min(1, done / total)) : 0;
}
