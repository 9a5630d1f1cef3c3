import { signCheckpoint } from '@consilium/shared';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CLOCK, type Clock } from '../settings/process-context.js';
import { LogCheckpointEntity } from './log-checkpoint.entity.js';
import { LogSigner } from './log-signer.js';
import { LogTree } from './log-tree.js';

type PublishedCheckpoint = Pick<LogCheckpointEntity, 'size' | 'note'>;

/** Milliseconds between two that nobody has asked for. */
const EVERY = 1000;

/** Signs how far the log has grown, and keeps what it has signed: a checkpoint that was given to anyone is a row. */
@Injectable()
export class Checkpoints {
  #newest: PublishedCheckpoint | undefined;
  #publishing: Promise<void> | undefined;
  #lookedAt = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tree: LogTree,
    private readonly signer: LogSigner,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Of everything that was in the log at the call, whichever process put it there. Not inside a transaction. */
  async newest(): Promise<PublishedCheckpoint> {
    return this.covering((await this.tree.size()) - 1);
  }

  /** One whose tree has entry `index`, which has been committed; signs at most one for all who ask at the same time. */
  async covering(index: number): Promise<PublishedCheckpoint> {
    while (this.#newest === undefined || this.#newest.size <= index) {
      this.#publishing ??= this.#publish().finally(() => (this.#publishing = undefined));
      await this.#publishing;
    }
    return this.#newest;
  }

  /** The first that has this entry: the same at any later time. */
  async firstCovering(index: number): Promise<PublishedCheckpoint> {
    await this.covering(index);
    return this.dataSource
      .getRepository(LogCheckpointEntity)
      .createQueryBuilder('checkpoint')
      .where('checkpoint.size > :index', { index })
      .orderBy('checkpoint.size')
      .limit(1)
      .getOneOrFail();
  }

  /** Called by the process's ticker. */
  async publishIfDue(): Promise<void> {
    const now = this.clock.now().getTime();
    if (now - this.#lookedAt < EVERY) return;
    this.#lookedAt = now;
    await this.newest();
  }

  async #publish(): Promise<void> {
    const frontier = await this.tree.frontier();
    const { size } = frontier;
    const { origin, signer } = await this.signer.of(size);
    const note = signCheckpoint({ origin, size, root: frontier.root() }, signer);
    const row = { size, note, signedAt: this.clock.now() };
    // Another process that signs the same tree makes the same bytes.
    await this.dataSource.createQueryBuilder().insert().into(LogCheckpointEntity).values(row).orIgnore().execute();
    this.#newest = { size, note };
  }
}
