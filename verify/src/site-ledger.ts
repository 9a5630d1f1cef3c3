import {
  KeyChange,
  keyThumbprint,
  openJws,
  parseJson,
  type LogEvent,
  type OpenedJws,
  type PublicKey,
  type VerifySignature,
} from '@consilium/shared';
import type { Findings } from './findings.js';
import { KeyHistory } from './key-history.js';

type Event<T extends LogEvent['type']> = Extract<LogEvent, { type: T }>;

interface KnownSite {
  name: string;
  keys: KeyHistory;
}

/** Which sites there are, and which key each of them signs with at this point of the log. */
export class SiteLedger {
  readonly #sites = new Map<string, KnownSite>();

  constructor(
    private readonly findings: Findings,
    private readonly verify?: VerifySignature,
  ) {}

  enrolled(index: number, event: Event<'site-enrolled'>): void {
    if (this.#sites.has(event.siteId)) {
      this.findings.wrong(index, `Entry ${index}: expected ${event.site} to be enrolled once, got it again.`);
    }
    this.#requireFingerprint(index, event);
    const keys = new KeyHistory();
    keys.name(event.publicKey, index);
    this.#sites.set(event.siteId, { name: event.site, keys });
  }

  approved(index: number, event: Event<'site-approved'>): void {
    const current = this.#known(index, event)?.keys.current?.thumbprint;
    if (current !== undefined && current !== event.fingerprint) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected ${event.site} to be approved with its key ${current}, got ${event.fingerprint}.`,
      );
    }
  }

  keyChanged(index: number, event: Event<'site-key-changed'>): void {
    const site = this.#known(index, event);
    if (!site) return;
    const current = site.keys.current?.thumbprint ?? '(none)';
    if (current !== event.former) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected the former key of ${event.site} to be ${current}, got ${event.former}.`,
      );
    }
    this.#requireFingerprint(index, event);
    this.#requireEndorsement(index, event);
    site.keys.name(event.publicKey, index);
  }

  revoked(index: number, event: Event<'site-revoked'>): void {
    this.#known(index, event)?.keys.end(index);
  }

  isRevoked(siteId: string): boolean {
    return this.#sites.get(siteId)?.keys.current === null;
  }

  /** What entry `index` says that a site signed; null, and a finding, where its key of that moment did not. */
  open(
    index: number,
    what: string,
    { siteId, site: name, jws }: { siteId: string; site: string; jws: string },
  ): OpenedJws | null {
    const site = this.#known(index, { siteId, site: name });
    if (!site) return null;
    const key = site.keys.current;
    if (key === null) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected ${what} by an enrolled site, got one by ${name}, which had been revoked.`,
      );
      return null;
    }
    const opened = openJws(jws, key.publicKey, this.verify);
    if (opened === null || (opened.kid !== undefined && opened.kid !== siteId)) {
      this.findings.wrong(
        index,
        `Entry ${index}: expected ${what} to be signed with the key ${key.thumbprint} of ${name}, got another signature.`,
      );
      return null;
    }
    return opened;
  }

  /** Keys by which the site of this name may have signed what it saw of the first `size` entries. */
  keysOf(name: string, size: number): PublicKey[] {
    return [...this.#sites.values()].filter((site) => site.name === name).flatMap(({ keys }) => keys.since(size - 1));
  }

  #known(index: number, { siteId, site: name }: { siteId: string; site: string }): KnownSite | undefined {
    const site = this.#sites.get(siteId);
    if (site === undefined) {
      this.findings.wrong(index, `Entry ${index}: expected a site that the log has enrolled, got ${name} (${siteId}).`);
    } else if (site.name !== name) {
      this.findings.wrong(index, `Entry ${index}: expected the site ${siteId} to be ${site.name}, got ${name}.`);
    }
    return site;
  }

  /** Nobody but the holder of the former key lets another one in. */
  #requireEndorsement(index: number, event: Event<'site-key-changed'>): void {
    const { siteId, site, former, publicKey, endorsement } = event;
    const opened = this.open(index, 'a change of key', { siteId, site, jws: endorsement });
    if (opened === null) return;
    const said = KeyChange.safeParse(parseJson(opened.payload)).data;
    const isThis = said?.siteId === siteId && said.former === former && said.publicKey.x === publicKey.x;
    if (isThis) return;
    this.findings.wrong(index, `Entry ${index}: expected ${site} to have signed for its new key, got other words.`);
  }

  #requireFingerprint(
    index: number,
    { site, publicKey, fingerprint }: { site: string; publicKey: PublicKey; fingerprint: string },
  ): void {
    const expected = keyThumbprint(publicKey);
    if (fingerprint === expected) return;
    this.findings.wrong(
      index,
      `Entry ${index}: expected the key of ${site} to have the fingerprint ${expected}, got ${fingerprint}.`,
    );
  }
}
