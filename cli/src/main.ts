import { RequestFailed } from '@consilium/shared';
import { completionCommand } from '@consilium/shared/terminal';
import { Command, CommanderError } from 'commander';
import { addAuditCommands } from './audit-commands.js';
import type { Surroundings } from './commands.js';
import { Console } from './console.js';
import { CommandFailure, EXIT_CODES } from './exit-codes.js';
import { loggedIn } from './log-in.js';
import { addLoginCommands } from './login-command.js';
import { addModelsCommands } from './models-commands.js';
import { settingsFromProcess } from './settings.js';
import { addOperatorsCommands } from './operators-commands.js';
import { addSitesCommands } from './sites-commands.js';
import { addStudyCommands } from './study-commands.js';
import { addWatchCommand } from './watch-command.js';

const VERSION = '0.1.0';

function createProgram(console: Console, signal: AbortSignal): Command {
  const codes = Object.entries(EXIT_CODES).map(([kind, code]) => `${code} ${kind}`);
  const program = new Command('consilium')
    .description('for the operators and auditors of a Consilium server')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('afterAll', `\nExit codes: ${codes.join(', ')}`);
  const settings = settingsFromProcess();
  const surroundings: Surroundings = { client: () => loggedIn(settings, () => Date.now()), console, signal };
  addLoginCommands(program, settings, console);
  addStudyCommands(program, surroundings);
  addWatchCommand(program, surroundings);
  addSitesCommands(program, surroundings);
  addOperatorsCommands(program, surroundings);
  addModelsCommands(program, surroundings);
  addAuditCommands(program, surroundings);
  program.addCommand(completionCommand(program));
  return program;
}

/** The exit code, after a sentence about whatever ended the command. */
function exitCodeOf(error: unknown, interrupted: boolean): number {
  // Commander has said what it wants to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  if (interrupted) return EXIT_CODES.interrupted;
  if (error instanceof CommandFailure || error instanceof RequestFailed) {
    process.stderr.write(`consilium: ${error.message}\n`);
    return EXIT_CODES[error.kind];
  }
  process.stderr.write(`consilium: an error that should not happen: ${(error as Error).stack ?? String(error)}\n`);
  return EXIT_CODES.internal;
}

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
const console = new Console();
try {
  await createProgram(console, interrupt.signal).parseAsync();
} catch (error) {
  console.status.clear();
  process.exitCode = exitCodeOf(error, interrupt.signal.aborted);
}
