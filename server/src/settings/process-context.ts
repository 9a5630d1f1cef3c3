import { randomBytes, randomUUID } from 'node:crypto';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pino, type Logger } from 'pino';
import type { Traces } from '../observability/traces.js';
import type { Settings } from './settings.js';
import { HomeFolder } from './home-folder.js';

export const SETTINGS = Symbol('settings');
export const CLOCK = Symbol('clock');
export const IDS = Symbol('ids');
export const LOG = Symbol('log');
export const TRACES = Symbol('traces');
/** Id of this run of the process, among several on one database. */
export const PROCESS = Symbol('process');

export interface Clock {
  now(): Date;
}
export const systemClock: Clock = { now: () => new Date() };

/** Names and secrets. Both come from the operating system in production; a test may count instead. */
export interface Ids {
  uuid(): string;
  secret(bytes: number): Uint8Array;
}
export const systemIds: Ids = { uuid: () => randomUUID(), secret: (bytes) => randomBytes(bytes) };

export interface ProcessContext {
  settings: Settings;
  home: HomeFolder;
  dataSource: DataSource;
  clock: Clock;
  ids: Ids;
  log: Logger;
  traces: Traces;
}

export function openLog(settings: Settings): Logger {
  return pino({
    level: settings.logLevel,
    redact: ['req.headers.authorization', 'token', 'password', 'code', 'jws'],
  });
}

/** What was opened before Nest started and is closed after it: handed to every feature. */
@Global()
@Module({})
export class ProcessContextModule {
  static of(context: ProcessContext): DynamicModule {
    const providers = [
      { provide: SETTINGS, useValue: context.settings },
      { provide: CLOCK, useValue: context.clock },
      { provide: IDS, useValue: context.ids },
      { provide: LOG, useValue: context.log },
      { provide: TRACES, useValue: context.traces },
      { provide: PROCESS, useValue: context.ids.uuid() },
      { provide: HomeFolder, useValue: context.home },
      { provide: DataSource, useValue: context.dataSource },
    ];
    return { module: ProcessContextModule, providers, exports: providers };
  }
}
