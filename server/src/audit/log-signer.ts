import { keyThumbprint, LogEvent, type PublicKey, type Signer } from '@consilium/shared';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { HomeFolder } from '../settings/home-folder.js';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { SigningKeys } from './signing-keys.js';

/** A log and who signs for it. */
export interface LogIdentity {
  /** The log's name, and that of its key in signed notes. */
  origin: string;
  publicKey: PublicKey;
}

/** Who signs for the server: its log says which key is in force, its home folder holds the key. */
@Injectable()
export class LogSigner {
  readonly #keys: SigningKeys;

  constructor(
    private readonly dataSource: DataSource,
    private readonly home: HomeFolder,
  ) {
    this.#keys = SigningKeys.open(home.signingKeys);
  }

  /** As the first `size` entries have it; without a size, as all of them do. Throws StartRefused where the home lacks the key. */
  async of(
    size: number | null = null,
    manager: EntityManager = this.dataSource.manager,
  ): Promise<LogIdentity & { signer: Signer }> {
    const identity = await identityOf(manager, size);
    const signer = this.#keys.holderOf(identity.publicKey);
    if (signer) return { ...identity, signer };
    throw new StartRefused(
      ExitCode.usage,
      `The home folder ${this.home.path} does not hold the key ${keyThumbprint(identity.publicKey)}, which signs this server's log: restore the home from its backup. Where the key is lost, run "consilium-server keys rotate --lost"; every site will have to agree to the new key.`,
    );
  }
}

/** Throws where the log has not been opened. */
export async function identityOf(manager: EntityManager, size: number | null): Promise<LogIdentity> {
  const rows = await manager.query<{ text: string }[]>(
    `SELECT "text" FROM "log_entry" WHERE "index" = 0
     UNION ALL (SELECT "text" FROM "log_entry" WHERE "type" = 'server-key-changed' AND "index" < COALESCE($1, 2^53)
       ORDER BY "index" DESC LIMIT 1)`,
    [size],
  );
  const events = rows.map(({ text }) => LogEvent.parse(JSON.parse(text)));
  const opened = events.find((event) => event.type === 'log-opened');
  if (!opened) throw new Error('log: expected it to begin with log-opened, got another entry or none');
  const changed = events.find((event) => event.type === 'server-key-changed');
  return { origin: opened.origin, publicKey: (changed ?? opened).serverKey };
}
