import { systemClock } from '../agent/clock.js';
import type { Log } from '../agent/log.js';
import type { JobProgress } from '../trainer/messages.js';
import { StatusLog, type StatusLine } from './console.js';
import { bar } from './status-text.js';

/** Shows how far a job over volumes is: a bar on a terminal, elsewhere a line now and then. */
export function volumeProgress(what: string, status: StatusLine, log: Log): (progress: JobProgress) => void {
  const lines = new StatusLog(log, () => systemClock.now());
  return (progress) => {
    if (process.stderr.isTTY) status.show(`${what} ${volumesBar(progress)}`);
    else if (progress.done < progress.total) lines.show(`${what} ${volumesSentence(progress)}`);
  };
}

/** Filled by windows: a large volume takes many minutes. */
export function volumesBar(progress: JobProgress): string {
  const { done, total, windows } = progress;
  const share = windows === undefined ? 0 : windows.done / windows.total;
  return `${bar(done + share, total)} ${volumesSentence(progress)}`;
}

export function volumesSentence({ done, total, windows }: JobProgress): string {
  if (windows === undefined) return `${done} of ${total} volumes`;
  return `volume ${done + 1} of ${total}, window ${windows.done} of ${windows.total}`;
}
