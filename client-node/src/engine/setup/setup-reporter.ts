/** What the set-up tells while it works. Implementations print, draw or collect. */
export interface SetupReporter {
  /** One attempt begins, or says how it ended; a whole sentence. */
  note(sentence: string): void;
  /** How far a long step is; called often, `done` never decreases within one label. */
  progress(label: string, done: number, total: number): void;
}

/** Prints sentences, and long steps at every tenth, one line each: readable in a terminal and in a log file. */
export function lineReporter(write: (line: string) => void, prefix = 'engine: '): SetupReporter {
  const printed = new Map<string, number>();
  return {
    note: (sentence) => {
      write(`${prefix}${sentence}`);
    },
    progress: (label, done, total) => {
      const tenth = total > 0 ? Math.min(10, Math.floor((10 * done) / total)) : 0;
      if (tenth <= (printed.get(label) ?? 0)) return;
      printed.set(label, tenth);
      write(`${prefix}${label} ${String(tenth * 10)} % of ${String(Math.round(total / 1e6))} MB`);
    },
  };
}
