import { pino, type DestinationStream } from 'pino';
import { z } from 'zod';
import type { StatusLine } from '@consilium/shared/terminal';
import type { Log } from '../agent/log.js';
import type { NodeSettings } from '../settings/node-settings.js';

export { renderTable, StatusLine } from '@consilium/shared/terminal';

const LINE_EVERY_MS = 30_000;

/** What the status line is on a terminal: here a log line, at most twice a minute. */
export class StatusLog {
  #lastAt = -Infinity;

  constructor(
    private readonly log: Log,
    private readonly now: () => number,
  ) {}

  show(text: string): void {
    if (text === '' || this.now() - this.#lastAt < LINE_EVERY_MS) return;
    this.#lastAt = this.now();
    this.log.info(text);
  }
}

const Entry = z.object({ level: z.int(), time: z.number(), msg: z.string() });
const WARN = 40;
const ERROR = 50;

/** Log lines on standard error: for people `2026-01-31T09:30:00Z sentence`, for collectors pino's JSON. */
export function createLog(settings: Pick<NodeSettings, 'logLevel' | 'logFormat'>, status: StatusLine): Log {
  const destination: DestinationStream = {
    write(line) {
      status.clear();
      process.stderr.write(settings.logFormat === 'json' ? line : textLine(line));
    },
  };
  const logger = pino({ base: null, level: settings.logLevel }, destination);
  return {
    debug: (sentence) => logger.debug(sentence),
    info: (sentence) => logger.info(sentence),
    warn: (sentence) => logger.warn(sentence),
    error: (sentence) => logger.error(sentence),
  };
}

function textLine(line: string): string {
  const { level, time, msg } = Entry.parse(JSON.parse(line));
  const mark = level >= ERROR ? 'error: ' : level >= WARN ? 'warning: ' : '';
  return `${new Date(time).toISOString().slice(0, 19)}Z ${mark}${msg}\n`;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
