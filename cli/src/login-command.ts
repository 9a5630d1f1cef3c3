import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { OperatorClient, RequestFailed, type LoginAnswer, type Operator } from '@consilium/shared';
import type { Command } from 'commander';
import type { Console } from './console.js';
import { CommandFailure } from './exit-codes.js';
import { forgetLogIn, keepLogIn } from './log-in.js';
import type { Settings } from './settings.js';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export function addLoginCommands(program: Command, settings: Settings, console: Console): void {
  program
    .command('login')
    .description('log in at a server; the password is asked for, or read from CONSILIUM_OPERATOR_PASSWORD')
    .argument('<url>', 'the server, such as https://consilium.example.org')
    .option('--name <name>', 'who logs in', 'operator')
    .option('--code <code>', 'of an authenticator app, or a recovery code; else it is asked for where it is needed')
    .option('--json', 'print the answer as JSON')
    .action(async (url: string, { name, code, json }: { name: string; code?: string; json?: boolean }) => {
      const server = serverUrl(url);
      const password = settings.password ?? (await ask(`Password of ${name}: `, 'CONSILIUM_OPERATOR_PASSWORD'));
      const { token, expiresAt, role } = await logIn(server, { name, password, ...(code !== undefined && { code }) });
      await keepLogIn(settings, { server, name, role, token, expiresAt });
      console.answer(
        json,
        { server, name, role, expiresAt },
        `Logged in at ${server} as ${name} (${role}) until ${expiresAt}`,
      );
    });
  program
    .command('logout')
    .description('forget the log-in that is kept on this machine')
    .action(() => forgetLogIn(settings));
}

/** Asks for a code where the account has a second factor and none was given. */
async function logIn(server: string, operator: Operator): Promise<LoginAnswer> {
  try {
    return await new OperatorClient(server, operator).logIn();
  } catch (error) {
    if (!(error instanceof RequestFailed) || error.code !== 'code-needed') throw error;
    const code = await ask(`Code of ${operator.name}'s authenticator app: `, '--code');
    return new OperatorClient(server, { ...operator, code }).logIn();
  }
}

/** A password is not sent in clear to another machine. */
function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new CommandFailure('usage', `login: expected the URL of a server, got ${text}`);
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    throw new CommandFailure('usage', `login: expected https for a server on another machine, got ${text}`);
  return text.replace(/\/+$/, '');
}

/** `otherwise`: how it is given where nobody can be asked. */
async function ask(question: string, otherwise: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new CommandFailure('usage', `login: expected a terminal, or ${otherwise}, got neither`);
  process.stderr.write(question);
  // What is typed goes nowhere.
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silence, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
