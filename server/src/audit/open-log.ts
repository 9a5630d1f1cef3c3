import { canonicalJson, keyThumbprint, toBase64url, type Signer } from '@consilium/shared';
import type { ProcessContext } from '../settings/process-context.js';
import { AuditLog, SERVER } from './audit-log.js';
import { identityOf, LogSigner } from './log-signer.js';
import { LogTree } from './log-tree.js';
import { SigningKeys } from './signing-keys.js';

type Context = Pick<ProcessContext, 'dataSource' | 'home' | 'clock'>;

/** Writes the first entry where the database has none yet. Resolves at once where it has. */
export async function openTransparencyLog({ dataSource, home, clock }: Context): Promise<void> {
  const keys = SigningKeys.open(home.signingKeys);
  if ((await new LogTree(dataSource).size()) > 0) return;
  const log = new AuditLog(clock);
  await dataSource.transaction(async (manager) => {
    // Appending nothing takes the lock and says how long the log is: another process may have opened it meanwhile.
    if ((await log.append(manager)) > 0) return;
    const serverKey = keys.all().at(-1)!.publicKey;
    await log.append(manager, { type: 'log-opened', actor: SERVER, origin: home.identity.audience, serverKey });
  });
}

/**
 * A new signing key, endorsed by the one that it takes the place of; `lost`: without that, because nobody has it any more.
 * It signs from the entry on that names it. Returns its thumbprint.
 */
export async function rotateServerKey(context: Context, { lost }: { lost: boolean }): Promise<string> {
  const { dataSource, home, clock } = context;
  const former = lost ? null : await new LogSigner(dataSource, home).of();
  const { publicKey: serverKey } = SigningKeys.open(home.signingKeys).add();
  await dataSource.transaction(async (manager) => {
    const { origin, publicKey } = await identityOf(manager, null);
    const statement = { former: keyThumbprint(publicKey), origin, serverKey };
    await new AuditLog(clock).append(manager, {
      type: 'server-key-changed',
      actor: SERVER,
      former: statement.former,
      serverKey,
      endorsement: former === null ? null : compactJws(statement, former.signer),
    });
  });
  return keyThumbprint(serverKey);
}

/** RFC 7515, EdDSA by RFC 8037, over canonical JSON. */
function compactJws(payload: object, signer: Signer): string {
  const encode = (text: string): string => toBase64url(Buffer.from(text, 'utf8'));
  const signed = `${encode(canonicalJson({ alg: 'EdDSA', kid: keyThumbprint(signer.publicKey) }))}.${encode(canonicalJson(payload))}`;
  return `${signed}.${toBase64url(signer.sign(Buffer.from(signed, 'utf8')))}`;
}
