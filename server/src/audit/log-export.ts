import {
  exportLine,
  LEAVES_PER_LINE,
  leavesLine,
  LogEvent,
  type Hash,
  type LogActor,
  type LogExportHeader,
  type PublicKey,
} from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Checkpoints } from './checkpoints.js';
import { auditEvent, bundleHead, bundleTail } from './fhir-audit-event.js';
import { hex } from './log.service.js';
import { AuditLog, leafOf } from './audit-log.js';

/** Entries that are in memory at a time. */
const BATCH = 1000;

/** The whole log as text, piece by piece: what is long does not have to fit into memory. */
@Injectable()
export class LogExport {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: AuditLog,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** Whoever takes the log away stands in it, and in what he takes: to be called before. */
  async record(actor: LogActor): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const size = await this.log.append(manager);
      await this.log.append(manager, { type: 'log-exported', actor, size });
    });
  }

  /** In the format of `LogExportHeader`: what `consilium-verify` reads. Ends with all that was in the log at the first piece. */
  async *lines(): AsyncGenerator<string> {
    const { size } = await this.checkpoints.newest();
    yield `${exportLine(await this.#header(size))}\n`;
    for await (const texts of this.#texts(size)) yield `${texts.join('\n')}\n`;
    yield* this.#checkpointLines(size);
    yield* this.#leavesLines(size);
    yield* this.#modelLines(size);
  }

  /** As a FHIR R4 Bundle of AuditEvents. */
  async *fhir(): AsyncGenerator<string> {
    const { size } = await this.checkpoints.newest();
    const { origin } = await this.#header(size);
    yield bundleHead;
    let index = 0;
    for await (const texts of this.#texts(size)) {
      const events = texts.map((text, i) => {
        const place = { origin, index: index + i, leaf: hex(leafOf(text)) };
        return JSON.stringify(auditEvent(LogEvent.parse(JSON.parse(text)), place));
      });
      yield `${index === 0 ? '' : ',\n'}${events.join(',\n')}`;
      index += texts.length;
    }
    yield bundleTail;
  }

  async #header(size: number): Promise<LogExportHeader> {
    const rows = await this.dataSource.query<{ text: string }[]>(
      `SELECT "text" FROM "log_entry" WHERE "type" IN ('log-opened', 'server-key-changed') AND "index" < $1 ORDER BY "index"`,
      [size],
    );
    const events = rows.map(({ text }) => LogEvent.parse(JSON.parse(text)));
    const opened = events.at(0);
    if (opened?.type !== 'log-opened') throw new Error('log: expected it to begin with log-opened');
    const serverKeys = events.flatMap((event): PublicKey[] => ('serverKey' in event ? [event.serverKey] : []));
    return { format: 'consilium-log-export/1', origin: opened.origin, size, serverKeys };
  }

  async *#texts(size: number): AsyncGenerator<string[]> {
    for (let from = 0; from < size; from += BATCH) {
      const rows = await this.dataSource.query<{ text: string }[]>(
        `SELECT "text" FROM "log_entry" WHERE "index" >= $1 AND "index" < $2 ORDER BY "index"`,
        [from, Math.min(size, from + BATCH)],
      );
      yield rows.map(({ text }) => text);
    }
  }

  /** Each with the lines of the sites that have signed it. */
  async *#checkpointLines(size: number): AsyncGenerator<string> {
    for (let after = 0; ;) {
      const rows = await this.dataSource.query<{ size: string; note: string }[]>(
        `SELECT "size", "note" FROM "log_checkpoint" WHERE "size" > $1 AND "size" <= $2 ORDER BY "size" LIMIT ${BATCH}`,
        [after, size],
      );
      if (rows.length === 0) return;
      const last = Number(rows.at(-1)!.size);
      const cosignatures = await this.dataSource.query<{ size: string; site: string; line: string }[]>(
        `SELECT "size", site."name" AS site, "line" FROM "log_cosignature" JOIN "site" ON site."id" = "site_id"
         WHERE "size" > $1 AND "size" <= $2 ORDER BY "size", site."name"`,
        [after, last],
      );
      yield rows.map(({ note }) => `${exportLine({ kind: 'checkpoint', note })}\n`).join('');
      yield cosignatures
        .map(({ size: at, site, line }) => `${exportLine({ kind: 'cosignature', size: Number(at), site, line })}\n`)
        .join('');
      after = last;
    }
  }

  /** What the tree's nodes say that the leaves are: with them, a changed entry is known by its index. */
  async *#leavesLines(size: number): AsyncGenerator<string> {
    for (let from = 0; from < size; from += LEAVES_PER_LINE) {
      const rows = await this.dataSource.query<{ hash: Hash }[]>(
        `SELECT "hash" FROM "log_node" WHERE "level" = 0 AND "index" >= $1 AND "index" < $2 ORDER BY "index"`,
        [from, Math.min(size, from + LEAVES_PER_LINE)],
      );
      yield `${exportLine(
        leavesLine(
          from,
          rows.map(({ hash }) => hash),
        ),
      )}\n`;
    }
  }

  async *#modelLines(size: number): AsyncGenerator<string> {
    const rows = await this.dataSource.query<{ text: string }[]>(
      `SELECT "text" FROM "log_entry" WHERE "type" = 'model-signed' AND "index" < $1 ORDER BY "index"`,
      [size],
    );
    for (const { text } of rows) {
      const event = LogEvent.parse(JSON.parse(text));
      if (event.type !== 'model-signed') continue;
      const signatures = await this.dataSource.query<{ envelope: string; card: string }[]>(
        `SELECT "envelope", "card" FROM "model_signature" JOIN "study" ON study."id" = "study_id"
         WHERE study."digest" = $1 AND "version" = $2`,
        [event.studyDigest, event.version],
      );
      yield signatures.map(({ envelope, card }) => `${exportLine({ kind: 'model', envelope, card })}\n`).join('');
    }
  }
}
