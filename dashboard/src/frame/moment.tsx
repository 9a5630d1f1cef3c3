import { type ReactElement, useSyncExternalStore } from 'react';
import { formatAbsolute, formatAgo, formatSpan } from '../format/time.js';

const listeners = new Set<() => void>();
let now = Date.now();
let ticking: ReturnType<typeof setInterval> | undefined;

/** The time of day in ms, once a second; one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = Date.now();
    ticking = setInterval(() => {
      now = Date.now();
      listeners.forEach((each) => {
        each();
      });
    }, 1000);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(ticking);
  };
}

/** "4 min ago", and the absolute time on hover. */
export function Moment({ at }: { at: string }): ReactElement {
  return (
    <time dateTime={at} title={formatAbsolute(at)} className="nowrap">
      {formatAgo(at, useNow())}
    </time>
  );
}

/** "in 23 h 59 min", "passed 12 s ago"; the absolute time on hover. */
export function Countdown({ to }: { to: string }): ReactElement {
  const left = Date.parse(to) - useNow();
  return (
    <time dateTime={to} title={formatAbsolute(to)} className="nowrap">
      {left >= 0 ? `in ${formatSpan(left)}` : `passed ${formatSpan(-left)} ago`}
    </time>
  );
}
