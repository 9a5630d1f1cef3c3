import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Checkpoints } from './audit/checkpoints.js';
import { Retention } from './blobs/retention.service.js';
import { TokensService } from './identity/tokens.service.js';
import { ActivityLog } from './observability/activity-log.js';
import { Outbox } from './outbox/outbox.service.js';
import { RealtimeGateway } from './realtime/realtime.gateway.js';
import { ProgressService } from './rounds/progress.service.js';
import { RoundDriver } from './rounds/round-driver.service.js';
import { LOG, SETTINGS } from './settings/process-context.js';
import type { Settings } from './settings/settings.js';
import { Presence } from './sites/presence.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** The only clockwork of the process: everything that time brings about is looked up when it ticks. */
@Injectable()
export class Ticker {
  readonly #timers: NodeJS.Timeout[] = [];
  #ticking = Promise.resolve();

  constructor(
    private readonly rounds: RoundDriver,
    private readonly progress: ProgressService,
    private readonly realtime: RealtimeGateway,
    private readonly presence: Presence,
    private readonly outbox: Outbox,
    private readonly retention: Retention,
    private readonly checkpoints: Checkpoints,
    private readonly activity: ActivityLog,
    private readonly tokens: TokensService,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  async start(): Promise<void> {
    // Refused here where the home lacks the key that signs for this database.
    await this.checkpoints.newest();
    await this.activity.tell();
    await this.presence.start();
    await this.rounds.start();
    this.outbox.poke();
    this.#timers.push(setInterval(() => this.#enqueue(() => this.#tick()), this.settings.tick));
    this.#timers.push(setInterval(() => this.#enqueue(() => this.retention.enforce()), HOUR));
    this.#timers.push(setInterval(() => this.#enqueue(() => this.tokens.forgetExpired()), MINUTE));
  }

  /** Resolves once nothing uses the database any more. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.realtime.end();
    await this.#ticking;
    await this.rounds.stop();
    await this.progress.settle();
    await this.outbox.settle();
    await this.presence.withdraw();
  }

  async #tick(): Promise<void> {
    this.realtime.cutExpired();
    await this.presence.renew();
    await this.rounds.renewClaims();
    this.rounds.poke();
    this.outbox.poke();
    await this.outbox.prune();
    await this.checkpoints.publishIfDue();
    await this.activity.tell();
  }

  #enqueue(work: () => Promise<unknown>): void {
    this.#ticking = this.#ticking
      .then(work)
      .then(() => undefined)
      .catch((error: unknown) => this.log.error({ err: error }, 'a tick failed'));
  }
}
