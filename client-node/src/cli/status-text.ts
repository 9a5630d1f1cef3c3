import type { NodeState } from '../agent/report.js';

/** What the terminal's last line says; states that are log lines of their own give none. */
export function statusText(state: NodeState): string {
  switch (state.state) {
    case 'starting':
      return 'starting the engine and reading the volumes';
    case 'waiting':
      return 'waiting for the next round';
    case 'server-away':
      return 'waiting for the server';
    case 'fetching':
      return `fetching model ${state.model.slice(0, 12)} ${bar(state.done, state.total)}`;
    case 'evaluating':
      return `measuring model version ${state.version} ${bar(state.done, state.total)}`;
    case 'training': {
      const figures =
        state.metrics === null
          ? ''
          : ` loss ${state.metrics.loss.toFixed(3)}, ${state.metrics.secondsPerStep.toFixed(2)} s/step`;
      return `round ${state.round}: training ${bar(state.done, state.total)} ${state.done}/${state.total}${figures}`;
    }
    case 'uploading':
      return `round ${state.round}: uploading ${bar(state.done, state.total)}`;
    default:
      return '';
  }
}

const WIDTH = 24;

export function bar(done: number, total: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}
