import { OperatorRole } from '@consilium/shared';
import { completionCommand } from '@consilium/shared/terminal';
import { Command, CommanderError, Option } from 'commander';
import { addAuditCommands } from './audit/audit-commands.js';
import { AuditLog } from './audit/audit-log.js';
import { addBackupCommands } from './backup/backup-commands.js';
import { OperatorsService } from './identity/operators.service.js';
import { SecondFactors } from './identity/second-factors.service.js';
import { TokensService } from './identity/tokens.service.js';
import { EXIT_CODE_OF, recompute, sentenceOf } from './rounds/recompute.js';
import { openContext, startServer } from './server.js';
import { readSimulateSettings, simulate } from './simulation/simulate.js';
import { readSettings, type Settings } from './settings/settings.js';
import { ExitCode, StartRefused } from './settings/start-refused.js';
import { ApiError } from './http/api-error.js';
import { VERSION } from './settings/version.js';

const say = (sentence: string): void => void process.stdout.write(`${sentence}\n`);

async function serve(settings: Settings): Promise<void> {
  const server = await startServer(settings);
  if (server.firstPassword !== null) {
    say(
      `Operator ${settings.operatorName} was created with the password ${server.firstPassword} (shown only this once).`,
    );
  }
  say(`Consilium server ${VERSION}: dashboard at ${server.url}`);
  const asked = askedToEnd();
  process.send?.({ type: 'ready', url: server.url });
  await asked;
  await server.close();
}

/** Listens from the call on: whoever has been told that the server is ready may end it at once. */
function askedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
    // A launcher that dies must not leave its server behind.
    if (process.connected) process.once('disconnect', resolve);
  });
}

async function withOperators(settings: Settings, work: (operators: OperatorsService) => Promise<void>): Promise<void> {
  const context = await openContext(settings);
  const { dataSource, home, clock, ids } = context.process;
  try {
    const log = new AuditLog(clock);
    const tokens = new TokensService(dataSource, home, log, clock, ids);
    const secondFactors = new SecondFactors(dataSource, home, clock, ids);
    await work(new OperatorsService(dataSource, tokens, secondFactors, log, clock, ids));
  } finally {
    await context.close();
  }
}

async function recomputeRound(
  settings: Settings,
  { number, study, json }: { number: string; study: unknown; json: boolean },
): Promise<ExitCode> {
  if (!/^[1-9]\d{0,8}$/.test(number)) {
    throw new StartRefused(ExitCode.usage, `Expected the number of a round, from 1, got ${number}.`);
  }
  const context = await openContext(settings);
  try {
    const studyId = typeof study === 'string' ? study : undefined;
    const found = await recompute(context.process, { number: Number(number), studyId });
    say(json ? JSON.stringify(found) : sentenceOf(found));
    return EXIT_CODE_OF[found.outcome];
  } finally {
    await context.close();
  }
}

function program(): Command {
  const root = new Command('consilium-server').version(VERSION).exitOverride();
  const settings = (flags: Record<string, unknown>): Settings => readSettings(process.env, flags);
  const home = ['--home <folder>', 'folder of keys, blobs and the embedded database'] as const;
  const database = ['--database-url <url>', 'a Postgres instead of the embedded database'] as const;
  root
    .command('serve', { isDefault: true })
    .description('start the aggregation server')
    .option(...home)
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', 'port to listen on')
    .option('--next-free-port', 'take the next free port where this one is taken')
    .option(...database)
    .option('--log-level <level>', 'silent, error, warn, info, debug or trace')
    .action((flags: Record<string, unknown>) => serve(settings(flags)));
  root
    .command('simulate')
    .description('run a study with many light nodes, which train nothing, on a running server')
    .option('--server <url>', 'the server (default http://127.0.0.1:8400)')
    .option('--sites <number>', 'light nodes (default 20); they are enrolled, and revoked at the end')
    .option('--rounds <number>', 'rounds (default 5)')
    .option('--width <number>', 'width of the network: 2 makes models of 0.6 MB, 16 of 38 MB')
    .option('--deadline <seconds>', 'of a round (default 60)')
    .option('--lease <seconds>', 'of a site without progress (default 5)')
    .option('--quorum <share>', 'of the sites, to open and to commit a round (default 0.5)')
    .option('--faults <file>', 'YAML: which sites do what wrong in which round')
    .action((flags: Record<string, unknown>) => simulate(readSimulateSettings(process.env, flags), say));
  root
    .command('rounds')
    .description('what the server has computed; it must not be running on the embedded database')
    .command('recompute <number>')
    .description(
      'make the model of a round again from its stored updates: 0 the same, 3 another one, 4 something is gone',
    )
    .option(...home)
    .option(...database)
    .option('--study <id>', 'where more than one study has such a round')
    .option('--json', 'print what was found as JSON')
    .action(async (number: string, { json, study, ...flags }: Record<string, unknown>) => {
      process.exitCode = await recomputeRound(settings(flags), { number, study, json: json === true });
    });
  const place = (command: Command): Command => command.option(...home).option(...database);
  addAuditCommands(root, { place, settings, say });
  addBackupCommands(root, { place, settings, say });
  const operators = root
    .command('operators')
    .description('people who may log in; the server must not be running on the embedded database');
  operators
    .command('add <name>')
    .addOption(new Option('--role <role>', 'what they may do').choices(OperatorRole.options).default('operator'))
    .option(...home)
    .option(...database)
    .action((name: string, { role, ...flags }: Record<string, unknown>) =>
      withOperators(settings(flags), async (service) => {
        const { password } = await service.add({ name, role: OperatorRole.parse(role), logsInBy: 'password' });
        say(`${name} was created with the role ${String(role)} and the password ${password}`);
      }),
    );
  operators
    .command('reset-password <name>')
    .description('a new password and no second factor; whoever was logged in is not any more')
    .option(...home)
    .option(...database)
    .action((name: string, flags: Record<string, unknown>) =>
      withOperators(settings(flags), async (service) =>
        say(`Operator ${name} has the new password ${(await service.reset({ name })).password} and no second factor`),
      ),
    );
  root.addCommand(completionCommand(root));
  return root;
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (error instanceof StartRefused || error instanceof ApiError) {
    process.stderr.write(`${error.message}\n`);
    return error instanceof StartRefused ? error.exitCode : ExitCode.usage;
  }
  process.stderr.write(
    `The server failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return ExitCode.internal;
}

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
if (process.connected) process.disconnect();
