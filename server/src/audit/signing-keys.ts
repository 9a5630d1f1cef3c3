import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { PublicKey, type Signer } from '@consilium/shared';
import { z } from 'zod';
import { ExitCode, StartRefused, systemCode } from '../settings/start-refused.js';

const StoredKey = z.strictObject({ ...PublicKey.shape, d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) });
type StoredKey = z.infer<typeof StoredKey>;
const KeyFile = z.strictObject({ keys: z.array(StoredKey).min(1).max(1000) });

/** An Ed25519 key of the server, in OpenSSL's hands. */
class SigningKey implements Signer {
  readonly publicKey: PublicKey;
  readonly #secret: KeyObject;

  constructor(stored: StoredKey) {
    const { kty, crv, x } = stored;
    this.publicKey = { kty, crv, x };
    this.#secret = createPrivateKey({ key: stored, format: 'jwk' });
  }

  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#secret);
  }
}

/**
 * The private halves of the server's signing keys, oldest first, in a file that only its owner reads. Which of them is in
 * force, the log says: a key that is here and not yet there signs nothing, so a rotation that breaks off changes nothing.
 */
export class SigningKeys {
  private constructor(private readonly file: string) {}

  /** Makes the first key where there is none. Throws StartRefused where the file cannot be understood. */
  static open(file: string): SigningKeys {
    const keys = new SigningKeys(file);
    if (keys.#read() === undefined) createWhole(file, textOf([newKey()]));
    keys.all();
    return keys;
  }

  all(): Signer[] {
    const stored = this.#read();
    if (stored === undefined) throw unreadable(this.file);
    return stored.map((key) => new SigningKey(key));
  }

  /** Looked up in the file each time: another process may have added to it. */
  holderOf(publicKey: PublicKey): Signer | undefined {
    return this.all().find((key) => key.publicKey.x === publicKey.x);
  }

  /** A new key, on disk when this returns. */
  add(): Signer {
    const key = newKey();
    const unfinished = `${this.file}.${randomUUID()}`;
    writeFileSync(unfinished, textOf([...(this.#read() ?? []), key]), { mode: 0o600, flag: 'wx', flush: true });
    renameSync(unfinished, this.file);
    return new SigningKey(key);
  }

  #read(): StoredKey[] | undefined {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
    const parsed = KeyFile.safeParse(parseJson(text));
    if (!parsed.success) throw unreadable(this.file);
    return parsed.data.keys;
  }
}

function newKey(): StoredKey {
  return StoredKey.parse(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
}

function textOf(keys: StoredKey[]): string {
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

/** Of two processes that make the file at once, one wins; nobody ever sees half of it. */
function createWhole(file: string, text: string): void {
  const unfinished = `${file}.${randomUUID()}`;
  writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
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

function unreadable(file: string): StartRefused {
  return new StartRefused(
    ExitCode.usage,
    `The server's signing keys ${file} are not readable; restore them from a backup.`,
  );
}
