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
import {
  CONTROL_LINE,
  CONTROL_LINE_SECONDS,
  fromBase64url,
  proofClaims,
  PublicKey,
  REQUEST_PROOF_SECONDS,
  signerOf,
  spokenFingerprint,
  type Enrolled,
  type ProvenRequest,
  type Signer,
} from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { Clock } from './clock.js';

const StoredKey = z.object({ ...PublicKey.shape, d: z.string() });
type StoredKey = z.infer<typeof StoredKey>;

interface ProofContext {
  siteId: string;
  audience: string;
  nowSeconds: number;
}

/** The site's Ed25519 key. It is made here and never leaves the home; only its public half is enrolled. */
export class SiteKey {
  private constructor(
    readonly publicKey: PublicKey,
    /** RFC 7638 thumbprint of the public key. */
    readonly thumbprint: string,
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
    const thumbprint = await calculateJwkThumbprint(publicKey);
    return new SiteKey(publicKey, thumbprint, signerOf(fromBase64url(stored.d)!), key);
  }

  /** As it is read out to the operator. */
  get fingerprint(): string {
    return spokenFingerprint(this.thumbprint);
  }

  /** That the site makes this one request at this moment. */
  prove(request: ProvenRequest, { siteId, audience, nowSeconds }: ProofContext): Promise<string> {
    const lifetime = request === CONTROL_LINE ? CONTROL_LINE_SECONDS : REQUEST_PROOF_SECONDS;
    return new SignJWT({ ...proofClaims(request) })
      .setProtectedHeader({ alg: 'EdDSA', kid: siteId })
      .setIssuer(siteId)
      .setAudience(audience)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + lifetime)
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

/** Proofs of an enrolled site, one for each request, in the server's time: a hospital's clock may be minutes off. */
export class SiteProofs {
  /** Positive where the server is ahead of this machine. */
  skewSeconds = 0;

  constructor(
    private readonly key: () => Promise<SiteKey>,
    private readonly site: Pick<Enrolled, 'siteId' | 'audience'>,
    private readonly clock: Clock,
  ) {}

  async of(request: ProvenRequest): Promise<string> {
    const key = await this.key();
    const nowSeconds = Math.floor(this.clock.now() / 1000) + this.skewSeconds;
    const { siteId, audience } = this.site;
    return key.prove(request, { siteId, audience, nowSeconds });
  }
}
