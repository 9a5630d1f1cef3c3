import type { Assignment } from '@consilium/shared';
import type { Log } from './log.js';
import type { Task } from './next-task.js';
import type { Report } from './report.js';

/** Tells the node's people what it waits for and whom rounds do without, each thing once. */
export class Announcer {
  #lastSaid = '';
  /** Names of sites that rounds do without at present. */
  #excluded = new Set<string>();

  constructor(private readonly to: { log: Log; report: Report }) {}

  isExcluded(site: string): boolean {
    return this.#excluded.has(site);
  }

  waiting({ study, finished }: Assignment): void {
    const sentence = finished
      ? 'the study is finished'
      : study === null
        ? 'no study that this site has accepted is running; waiting'
        : `study "${study.manifest.name}": waiting for the next round`;
    if (sentence === this.#lastSaid) return;
    this.#lastSaid = sentence;
    this.to.log.info(sentence);
    this.to.report(finished ? { state: 'finished' } : { state: 'waiting' });
  }

  /** It waits no longer: what it says when it waits again is news. */
  working(): void {
    this.#lastSaid = '';
  }

  /** Its checkpoint stays until another round begins: a study that was paused may offer the same round again. */
  abandoned(task: Task, sentence: string): void {
    if (task.kind !== 'contribute') return;
    this.to.log.warn(`round ${task.round.number}: ${sentence}`);
    this.to.report({ state: 'abandoned', round: task.round.number, sentence });
  }

  exclusions({ exclusions }: Assignment): void {
    const { log } = this.to;
    for (const { site, sentence } of exclusions)
      if (!this.#excluded.has(site)) log.warn(`site ${site} is not invited to rounds: ${sentence}`);
    const names = new Set(exclusions.map(({ site }) => site));
    for (const site of this.#excluded) if (!names.has(site)) log.info(`site ${site} is back`);
    this.#excluded = names;
  }
}
