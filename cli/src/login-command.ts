import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { OperatorClient } from '@consilium/shared';
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
    .option('--json', 'print the answer as JSON')
    .action(async (url: string, { name, json }: { name: string; json?: boolean }) => {
      const server = serverUrl(url);
      const password = settings.password ?? (await askPassword(`Password of ${name}: `));
      const { token, expiresAt, role } = await new OperatorClient(server, { name, password }).logIn();
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

/** A password is not sent in clear to another machine. */
function serverUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new CommandFailure('usage', `login: expected the URL of a server, got ${text}`);
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    throw new CommandFailure('usage', `login: expected https for a server on another machine, got ${text}`);
  return text.replace(/\/+$/, '');
}

async function askPassword(question: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new CommandFailure('usage', 'login: expected a terminal, or CONSILIUM_OPERATOR_PASSWORD, got neither');
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
