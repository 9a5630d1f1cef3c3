import { canonicalJson, keyThumbprint, openJws, type LogKeys, type PublicKey } from '@consilium/shared';

/** The keys of a log, as its server names them; null where it names none. */
export function namedKeys({ entries }: LogKeys): { origin: string; serverKeys: PublicKey[] } | null {
  const opened = entries.at(0)?.event;
  if (opened?.type !== 'log-opened') return null;
  const serverKeys = entries.flatMap(({ event }) => ('serverKey' in event ? [event.serverKey] : []));
  return { origin: opened.origin, serverKeys };
}

/** `known` with the keys that its last one, and each of them in turn, has endorsed. */
export function followEndorsements(known: readonly PublicKey[], origin: string, { entries }: LogKeys): PublicKey[] {
  const keys = [...known];
  for (const { event } of entries) {
    const last = keys.at(-1);
    if (event.type !== 'server-key-changed' || event.endorsement === null || last === undefined) continue;
    const { former, serverKey } = event;
    if (former !== keyThumbprint(last)) continue;
    const opened = openJws(event.endorsement, last);
    const stated = opened && new TextDecoder().decode(opened.payload);
    if (stated === canonicalJson({ former, origin, serverKey })) keys.push(serverKey);
  }
  return keys;
}
