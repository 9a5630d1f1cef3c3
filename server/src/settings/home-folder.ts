import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ExitCode, StartRefused, systemCode } from './start-refused.js';

const Identity = z.strictObject({
  /** What sites put into `aud`, so that a token made for one server is worth nothing on another. */
  audience: z.string(),
  /** HMAC key of operators' tokens, base64url. */
  operatorKey: z.string().min(43),
});
export type ServerIdentity = z.infer<typeof Identity>;

/**
 * The folder of a server: keys and blobs, and the embedded database, which two processes would corrupt: hence the lock.
 * Where the database is a Postgres, several processes share the folder, and with it the keys.
 */
export class HomeFolder {
  private constructor(
    readonly path: string,
    readonly identity: ServerIdentity,
  ) {}

  /** Throws StartRefused where another live process holds the folder or it cannot be written. */
  static open(path: string, shared = false): HomeFolder {
    try {
      mkdirSync(path, { recursive: true });
      if (!shared) takeLock(join(path, 'server.pid'), path);
      return new HomeFolder(path, readIdentity(join(path, 'identity.json')));
    } catch (error) {
      if (error instanceof StartRefused) throw error;
      const code = systemCode(error);
      if (code === 'ENOSPC') throw new StartRefused(ExitCode.diskFull, `The disk of the home folder ${path} is full.`);
      if (code) throw new StartRefused(ExitCode.usage, `The home folder ${path} cannot be used (${code}).`);
      throw error;
    }
  }

  get database(): string {
    return join(this.path, 'database');
  }
  get blobs(): string {
    return join(this.path, 'blobs');
  }
  get uploads(): string {
    return join(this.path, 'uploads');
  }
  /** Private halves of the keys by which the log, receipts and models are signed. */
  get signingKeys(): string {
    return join(this.path, 'signing-keys.json');
  }

  release(): void {
    const file = join(this.path, 'server.pid');
    if (lockOwner(file)?.pid === process.pid) rmSync(file, { force: true });
  }
}

const Owner = z.object({ pid: z.int().min(1), started: z.string() });
type Owner = z.infer<typeof Owner>;

function takeLock(file: string, home: string): void {
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '' } satisfies Owner);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const owner = lockOwner(file);
    if (owner && owner.pid !== process.pid && isAlive(owner)) {
      throw new StartRefused(
        ExitCode.usage,
        `The home folder ${home} is in use by the server process ${owner.pid}; stop it first or choose another --home.`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new StartRefused(ExitCode.usage, `The home folder ${home} is being taken by another server process.`);
}

function lockOwner(file: string): Owner | undefined {
  try {
    return Owner.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
  // After a crash the number may belong to a stranger by now; where the kernel tells start times, they decide.
  const started = startOf(owner.pid);
  return started === undefined || owner.started === '' || started === owner.started;
}

/** Field 22 of /proc/PID/stat: clock ticks from boot to the start of the process; undefined off Linux. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function readIdentity(file: string): ServerIdentity {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const identity = { audience: `consilium:${randomUUID()}`, operatorKey: randomBytes(32).toString('base64url') };
    text = `${JSON.stringify(identity, null, 2)}\n`;
    if (!createWhole(file, text)) text = readFileSync(file, 'utf8');
  }
  const parsed = Identity.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new StartRefused(
    ExitCode.usage,
    `The server's identity file ${file} is not readable; restore it from a backup.`,
  );
}

/** False where another process has made the file meanwhile; nobody ever sees half of it. */
function createWhole(file: string, text: string): boolean {
  const unfinished = `${file}.${randomUUID()}`;
  writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(unfinished, file);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(unfinished);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
