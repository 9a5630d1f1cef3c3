import 'reflect-metadata';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { DataSource } from 'typeorm';
import { AppModule } from './app.module.js';
import { openTransparencyLog } from './audit/open-log.js';
import { openDatabase } from './database/database.js';
import { ErrorFilter } from './http/error.filter.js';
import { schemaPipe } from './http/schema.pipe.js';
import { readTls, renewTls, type Tls } from './http/tls.js';
import { furnish } from './http/web.js';
import { OperatorsService } from './identity/operators.service.js';
import { noTraces, openTraces, type Traces } from './observability/traces.js';
import { SocketAdapter } from './realtime/socket.adapter.js';
import { HomeFolder } from './settings/home-folder.js';
import { NestLog } from './settings/nest-log.js';
import {
  openLog,
  systemClock,
  systemIds,
  type Clock,
  type Ids,
  type ProcessContext,
} from './settings/process-context.js';
import type { Settings } from './settings/settings.js';
import { ExitCode, StartRefused, systemCode } from './settings/start-refused.js';
import { Ticker } from './ticker.js';

export interface RunningServer {
  url: string;
  app: NestExpressApplication;
  /** Set where the first start had to draw a password for the operator: the only time that it is known. */
  firstPassword: string | null;
  /** Takes no more work, ends what is under way and lets go of the home; a second call waits for the first. */
  close(): Promise<void>;
}

export interface Overrides {
  clock?: Clock;
  ids?: Ids;
  /** `memory://` keeps the embedded database out of the home folder. */
  databaseFolder?: string;
}

/** How many ports are tried with `nextFreePort`. */
const PORTS_TRIED = 100;

/** Opens home, database and HTTP in this order and starts the rounds. Throws StartRefused with a sentence for a person. */
export async function startServer(settings: Settings, overrides: Overrides = {}): Promise<RunningServer> {
  const tls = readTls(settings);
  const context = await openContext(settings, overrides);
  const traces = await openTraces(settings, context.process.log);
  let app: NestExpressApplication | undefined;
  try {
    app = await createApp({ ...context.process, traces }, tls);
    const firstPassword = await ensureOperator(app.get(OperatorsService), settings);
    const port = await listen(app, settings);
    const ticker = app.get(Ticker);
    await ticker.start();
    renewTls(app.getHttpServer(), settings, context.process.log);
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    let closed: Promise<void> | undefined;
    const closeOnce = () => (closed ??= close(app!, ticker, traces, context.close));
    const scheme = tls === undefined ? 'http' : 'https';
    return { url: `${scheme}://${host}:${port}`, app, firstPassword, close: closeOnce };
  } catch (error) {
    await app?.close();
    await traces.close();
    await context.close();
    throw error;
  }
}

/** Home and database without a server, for commands that change rows. */
export async function openContext(
  settings: Settings,
  overrides: Overrides = {},
): Promise<{ process: ProcessContext; dataSource: DataSource; close: () => Promise<void> }> {
  const home = HomeFolder.open(settings.home, settings.databaseUrl !== undefined);
  try {
    const place = settings.databaseUrl
      ? { url: settings.databaseUrl }
      : { folder: overrides.databaseFolder ?? home.database };
    const { dataSource, close: closeDatabase } = await openDatabase(place);
    const process = {
      settings,
      home,
      dataSource,
      clock: overrides.clock ?? systemClock,
      ids: overrides.ids ?? systemIds,
      log: openLog(settings),
      traces: noTraces,
    };
    await openTransparencyLog(process);
    const closeAll = async (): Promise<void> => {
      await closeDatabase();
      home.release();
    };
    return { process, dataSource, close: closeAll };
  } catch (error) {
    home.release();
    throw error;
  }
}

async function createApp(context: ProcessContext, httpsOptions: Tls | undefined): Promise<NestExpressApplication> {
  const options = {
    ...(httpsOptions && { httpsOptions }),
    logger: new NestLog(context.log),
    abortOnError: false,
    forceCloseConnections: true,
    // Tokens of sites name the body's digest.
    rawBody: true,
  };
  // Nest declares its options as a class, which nobody is meant to construct.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
  const app = await NestFactory.create<NestExpressApplication>(AppModule.of(context), options);
  furnish(app, context.settings);
  app.useGlobalPipes(schemaPipe());
  app.useGlobalFilters(new ErrorFilter(context.log));
  app.useWebSocketAdapter(new SocketAdapter(app));
  return app;
}

async function ensureOperator(operators: OperatorsService, settings: Settings): Promise<string | null> {
  if (await operators.hasAny()) return null;
  const { operatorName: name, operatorPassword } = settings;
  const { password } = await operators.add({ name, role: 'owner', logsInBy: 'password', password: operatorPassword });
  return operatorPassword === undefined ? password : null;
}

/** On Node's own server, because Nest's `listen` logs a failure that is a person's to hear about in one sentence. */
async function listen(app: NestExpressApplication, { host, port, nextFreePort }: Settings): Promise<number> {
  await app.init();
  const server: HttpServer = app.getHttpServer();
  for (let wanted = port; ; wanted++) {
    try {
      server.listen(wanted, host);
      await once(server, 'listening');
      return portOf(server);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES')
        throw new StartRefused(
          ExitCode.portTaken,
          `The server may not listen on port ${wanted}; choose one from 1024 on with --port.`,
        );
      if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
        throw new StartRefused(ExitCode.usage, `This machine has no address ${host} to listen on.`);
      if (code !== 'EADDRINUSE') throw error;
      if (!nextFreePort || wanted >= Math.min(port + PORTS_TRIED, 65_535)) {
        throw new StartRefused(
          ExitCode.portTaken,
          `Port ${wanted} on ${host} is taken by another program; choose another with --port, or pass --next-free-port.`,
        );
      }
    }
  }
}

function portOf(server: HttpServer): number {
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('server: expected to listen on a port');
}

async function close(
  app: NestExpressApplication,
  ticker: Ticker,
  traces: Traces,
  closeContext: () => Promise<void>,
): Promise<void> {
  await ticker.stop();
  await app.close();
  await traces.close();
  await closeContext();
}
