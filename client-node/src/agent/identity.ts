import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  generateKeyPair,
  importJWK,
  SignJWT,
  type CryptoKey,
} from 'jose';
import { z } from 'zod';
import { fromBase64url, PublicKey, signerOf, spokenFingerprint, type Enrolled, type Signer } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { Clock } from './clock.js';

const StoredKey = z.object({ ...PublicKey.shape, d: z.string() });
type StoredKey = z.infer<typeof StoredKey>;

const TOKEN_SECONDS = 240;
/** A token is used again for this long, so that a slow request still ends before the token does. */
const TOKEN_REUSE_SECONDS = 120;

/** The site's Ed25519 key. It is made here and never leaves the home; only its public half is enrolled. */
export class SiteKey {
  private constructor(
    readonly publicKey: PublicKey,
    /** As it is read out to the operator. */
    readonly fingerprint: string,
    /** For what is signed in other forms than JWS. */
    readonly signer: Signer,
    private readonly secret: CryptoKey,
  ) {}

  static async load(path: string): Promise<SiteKey | undefined> {
    const stored = await readJsonIfPresent(path, StoredKey);
    return stored === undefined ? undefined : SiteKey.#from(stored);
  }

  static async create(path: string): Promise<SiteKey> {
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = StoredKey.parse(await exportJWK(pair.privateKey));
    await writeWholeFile(path, `${JSON.stringify(jwk)}\n`, 0o600);
    return SiteKey.#from(jwk);
  }

  static async discard(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  static async #from(stored: StoredKey): Promise<SiteKey> {
    const key = await importJWK(stored, 'EdDSA');
    if (key instanceof Uint8Array)
      throw new NodeFailure('usage', 'site.key: expected an Ed25519 key, got a symmetric one');
    const publicKey = { kty: stored.kty, crv: stored.crv, x: stored.x };
    const fingerprint = spokenFingerprint(await calculateJwkThumbprint(publicKey));
    return new SiteKey(publicKey, fingerprint, signerOf(fromBase64url(stored.d)!), key);
  }

  token(claims: { siteId: string; audience: string; nowSeconds: number }): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: claims.siteId })
      .setIssuer(claims.siteId)
      .setAudience(claims.audience)
      .setIssuedAt(claims.nowSeconds)
      .setExpirationTime(claims.nowSeconds + TOKEN_SECONDS)
      .setJti(randomUUID())
      .sign(this.secret);
  }

  /** Compact JWS over what this site says, of its update or of a study. */
  sign(statement: { siteId: string }): Promise<string> {
    return new CompactSign(new TextEncoder().encode(JSON.stringify(statement)))
      .setProtectedHeader({ alg: 'EdDSA', kid: statement.siteId })
      .sign(this.secret);
  }
}

/** Short-lived tokens of an enrolled site, in the server's time: a hospital's clock may be minutes off. */
export class SiteTokens {
  #current: { token: string; issuedAt: number } | undefined;
  #skewSeconds = 0;

  constructor(
    private readonly key: SiteKey,
    private readonly site: Pick<Enrolled, 'siteId' | 'audience'>,
    private readonly clock: Clock,
  ) {}

  /** Positive where the server is ahead of this machine. */
  set skewSeconds(seconds: number) {
    if (Math.abs(seconds - this.#skewSeconds) >= 30) this.#current = undefined;
    this.#skewSeconds = seconds;
  }

  /** For a connection that lives as long as its token. */
  renewed(): Promise<string> {
    this.#current = undefined;
    return this.token();
  }

  async token(): Promise<string> {
    const nowSeconds = Math.floor(this.clock.now() / 1000);
    const age = this.#current === undefined ? Infinity : nowSeconds - this.#current.issuedAt;
    if (this.#current === undefined || age < 0 || age >= TOKEN_REUSE_SECONDS) {
      const token = await this.key.token({ ...this.site, nowSeconds: nowSeconds + this.#skewSeconds });
      this.#current = { token, issuedAt: nowSeconds };
    }
    return this.#current.token;
  }
}
