import type { Progress, SiteHello } from '@consilium/shared';

/** The line that wakes the agent and carries its progress. */
export interface ControlLine {
  open(): void;
  close(): void;
  progress(progress: Progress): void;
  /** Says hello again: the site is there and has nothing else to do. */
  greet(): void;
}

export interface ControlLineEvents {
  hello: () => SiteHello;
  onWake: () => void;
  onRefused: (sentence: string) => void;
}
