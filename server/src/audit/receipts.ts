import { digestOfBytes, LogEvent, signReceipt, type Receipt, type SignedReceipt } from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { leafOf } from './audit-log.js';
import { Checkpoints } from './checkpoints.js';
import { hex } from './log.service.js';
import { LogEntryEntity } from './log-entry.entity.js';
import { LogSigner } from './log-signer.js';

/** The server's word for what it has logged of an update. Nothing is kept of it: it can be given again from the entry. */
@Injectable()
export class Receipts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly signer: LogSigner,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** For an entry that tells of an update, once it has been committed. Not inside a transaction. */
  async of(index: number): Promise<SignedReceipt> {
    return this.#sign(await this.dataSource.getRepository(LogEntryEntity).findOneByOrFail({ index }));
  }

  /** For the update that a round has of a site; null where it came before there was a log. */
  async ofUpdate({ roundId, siteId }: { roundId: string; siteId: string }): Promise<SignedReceipt | null> {
    const received = { type: 'update-received' as const, roundId, siteId };
    const entry = await this.dataSource.getRepository(LogEntryEntity).findOneBy(received);
    return entry && this.#sign(entry);
  }

  async #sign({ index, text }: LogEntryEntity): Promise<SignedReceipt> {
    const event = LogEvent.parse(JSON.parse(text));
    const { origin, signer } = await this.signer.of();
    const envelope = signReceipt({ origin, index, leaf: hex(leafOf(text)), at: event.at, ...said(event) }, signer);
    return { envelope, checkpoint: (await this.checkpoints.firstCovering(index)).note };
  }
}

function said(event: LogEvent): Pick<Receipt, 'submission' | 'verdict'> {
  if (event.type === 'update-refused') return { submission: event.submission, verdict: 'refused' };
  if (event.type !== 'update-received') throw new Error(`receipt: expected an entry on an update, got ${event.type}`);
  return { submission: digestOfBytes(Buffer.from(event.jws, 'utf8')), verdict: event.verdict };
}
