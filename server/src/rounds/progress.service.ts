import { Inject, Injectable } from '@nestjs/common';
import type { Acknowledgement, Progress } from '@consilium/shared';
import { DataSource, In } from 'typeorm';
import type { SiteCaller } from '../identity/caller.js';
import { Outbox } from '../outbox/outbox.service.js';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { ContributionEntity, type ContributionState } from './contribution.entity.js';

/** Milliseconds between two rows written for one site, unless its phase changes. */
const INTERVAL = 1000;
const REPORTING: ContributionState[] = ['invited', 'fetching', 'evaluating', 'training', 'uploading'];

interface Reported {
  phase: Progress['phase'];
  writtenAt: number;
  /** The newest report that has not been written yet. */
  waiting: Progress | null;
}

/** What nodes say of their work. Many reports a second cost one row a second. */
@Injectable()
export class ProgressService {
  readonly #reported = new Map<string, Reported>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async report(site: SiteCaller, progress: Progress): Promise<Acknowledgement> {
    const now = this.clock.now().getTime();
    const last = this.#reported.get(keyOf(site.id, progress));
    if (last && last.phase === progress.phase && now - last.writtenAt < INTERVAL) {
      last.waiting = progress;
      return { ok: true };
    }
    return this.#write(site.id, progress, now);
  }

  /** Writes what has waited long enough; called by the process's ticker. */
  async flush(): Promise<void> {
    const now = this.clock.now().getTime();
    for (const [key, { waiting, writtenAt }] of [...this.#reported]) {
      if (now - writtenAt < INTERVAL) continue;
      if (waiting) await this.#write(key.slice(0, key.indexOf(' ')), waiting, now);
      else if (now - writtenAt > 60_000) this.#reported.delete(key);
    }
  }

  async #write(siteId: string, progress: Progress, now: number): Promise<Acknowledgement> {
    this.#reported.set(keyOf(siteId, progress), { phase: progress.phase, writtenAt: now, waiting: null });
    const { roundId, phase: state, done, total, metrics } = progress;
    const written = await this.dataSource.transaction(async (manager) => {
      const change = { state, done, total, updatedAt: this.clock.now(), ...(metrics && { metrics }) };
      const { affected } = await manager.update(ContributionEntity, { roundId, siteId, state: In(REPORTING) }, change);
      if (affected !== 1) return false;
      await this.outbox.add(manager, { topic: 'round', subject: roundId });
      return true;
    });
    if (written) this.outbox.poke();
    return written
      ? { ok: true }
      : {
          ok: false,
          sentence: 'The round does not wait for this site: it is closed, or the site has answered or is no member.',
        };
  }
}

function keyOf(siteId: string, progress: Progress): string {
  return `${siteId} ${progress.roundId}`;
}
