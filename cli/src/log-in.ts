import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorClient, OperatorRole } from '@consilium/shared';
import { z } from 'zod';
import { CommandFailure, systemCode } from './exit-codes.js';
import type { Settings } from './settings.js';

const LogIn = z.object({
  server: z.url({ protocol: /^https?$/ }),
  name: z.string(),
  role: OperatorRole,
  token: z.string(),
  expiresAt: z.iso.datetime(),
});
export type LogIn = z.infer<typeof LogIn>;

const fileIn = ({ folder }: Settings): string => join(folder, 'log-in.json');

/** Kept for the user alone; what was there before goes. */
export async function keepLogIn(settings: Settings, logIn: LogIn): Promise<void> {
  await mkdir(settings.folder, { recursive: true, mode: 0o700 });
  const file = fileIn(settings);
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, `${JSON.stringify(logIn, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, file);
}

export async function forgetLogIn(settings: Settings): Promise<void> {
  await rm(fileIn(settings), { force: true });
}

/** Throws CommandFailure (usage) where nobody has logged in, or long ago. */
export async function loggedIn(settings: Settings, now: () => number): Promise<OperatorClient> {
  const logIn = await readLogIn(fileIn(settings));
  if (logIn === undefined)
    throw new CommandFailure('usage', 'expected somebody to be logged in, found nobody: consilium login URL');
  if (Date.parse(logIn.expiresAt) <= now())
    throw new CommandFailure('usage', `the log-in of ${logIn.name} has expired: consilium login ${logIn.server}`);
  return new OperatorClient(logIn.server, { token: logIn.token });
}

async function readLogIn(file: string): Promise<LogIn | undefined> {
  try {
    return LogIn.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new CommandFailure('usage', `${file}: expected a log-in, got something else; log in again`, { cause: error });
  }
}
