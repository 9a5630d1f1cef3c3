import { Inject, Injectable } from '@nestjs/common';
import { decodeProtectedHeader, errors, importJWK, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { DataSource, LessThan } from 'typeorm';
import { Id, ProofClaims, type LoginAnswer } from '@consilium/shared';
import { AuditLog } from '../audit/audit-log.js';
import { ApiError } from '../http/api-error.js';
import { HomeFolder } from '../settings/home-folder.js';
import { CLOCK, IDS, type Clock, type Ids } from '../settings/process-context.js';
import { SiteEntity } from '../sites/site.entity.js';
import type { Caller, OperatorCaller, SiteCaller } from './caller.js';
import type { OperatorEntity } from './operator.entity.js';
import { OperatorSessionEntity, type LoginMethod } from './operator-session.entity.js';
import { SiteProofEntity } from './site-proof.entity.js';

/** Seconds. Clocks of hospitals drift; more than this is named to the caller. */
const CLOCK_TOLERANCE = 30;
const SITE_TOKEN_LIFETIME = 300;
const OPERATOR_TOKEN_LIFETIME = 12 * 3600;
const OPERATOR_ISSUER = 'consilium-server';

/** Issues operators' tokens and verifies both kinds; which kind a token is, its algorithm says. */
@Injectable()
export class TokensService {
  readonly audience: string;
  readonly #operatorKey: Uint8Array;

  constructor(
    private readonly dataSource: DataSource,
    home: HomeFolder,
    private readonly log: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {
    this.audience = home.identity.audience;
    this.#operatorKey = Buffer.from(home.identity.operatorKey, 'base64url');
  }

  async issue(
    { id, name, role }: OperatorEntity,
    method: LoginMethod,
    session: string = this.ids.uuid(),
  ): Promise<LoginAnswer> {
    const issuedAt = seconds(this.clock);
    const expires = issuedAt + OPERATOR_TOKEN_LIFETIME;
    const expiresAt = new Date(expires * 1000);
    const row = { id: session, operatorId: id, method, createdAt: this.clock.now(), expiresAt };
    await this.dataSource.transaction(async (manager) => {
      const inserted = await manager
        .createQueryBuilder()
        .insert()
        .into(OperatorSessionEntity)
        .values(row)
        .orIgnore()
        .returning('id')
        .execute();
      if ((inserted.raw as unknown[]).length === 0)
        throw new ApiError('login-refused', 'This log-in has been used already; log in again.');
      await this.log.append(manager, { type: 'operator-logged-in', actor: { kind: 'operator', id, name }, method });
    });
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(OPERATOR_ISSUER)
      .setSubject(id)
      .setAudience(this.audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expires)
      .setJti(session)
      .sign(this.#operatorKey);
    return { token, expiresAt: expiresAt.toISOString(), name, role };
  }

  /** Throws ApiError with a sentence that says what about the token is wrong. `asked`: what a site's token has to be made for. */
  async verify(token: string, asked: ProofClaims): Promise<Caller> {
    const header = headerOf(token);
    return header.alg === 'EdDSA' ? this.#verifySite(token, header.kid, asked) : this.#verifyOperator(token);
  }

  /** Tokens of sites that have expired are refused for that, whether they were used or not. */
  async forgetExpired(): Promise<void> {
    const past = new Date(this.clock.now().getTime() - CLOCK_TOLERANCE * 1000);
    await this.dataSource.getRepository(SiteProofEntity).delete({ expiresAt: LessThan(past) });
  }

  async #verifyOperator(token: string): Promise<OperatorCaller> {
    const claims = await this.#claims(() =>
      jwtVerify(token, this.#operatorKey, {
        algorithms: ['HS256'],
        issuer: OPERATOR_ISSUER,
        audience: this.audience,
        requiredClaims: ['sub', 'exp', 'jti'],
        currentDate: this.clock.now(),
      }),
    );
    const session = await this.dataSource
      .getRepository(OperatorSessionEntity)
      .findOne({ where: { id: claims.jti!, operatorId: claims.sub! }, relations: { operator: true } });
    if (!session) throw new ApiError('unauthenticated', 'The login is no longer valid; log in again.');
    const { id, name, role } = session.operator;
    return { kind: 'operator', id, name, role, session: session.id, expiresAt: claims.exp! * 1000 };
  }

  async #verifySite(token: string, kid: string | undefined, asked: ProofClaims): Promise<SiteCaller> {
    const id = Id.safeParse(kid);
    const site = id.success ? await this.dataSource.getRepository(SiteEntity).findOneBy({ id: id.data }) : null;
    if (!site) throw new ApiError('unauthenticated', 'The token names no site of this server; enrol this node first.');
    if (site.state === 'revoked')
      throw new ApiError('site-revoked', `The enrolment of ${site.name} has been revoked by the operator.`);
    const key = await importJWK(site.publicKey, 'EdDSA');
    const claims = await this.#claims(() =>
      jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        issuer: site.id,
        audience: this.audience,
        requiredClaims: ['iat', 'exp', 'jti'],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: this.clock.now(),
      }),
    );
    const ahead = claims.iat! - seconds(this.clock);
    if (ahead > CLOCK_TOLERANCE) {
      throw new ApiError(
        'clock-skew',
        `The token was made ${ahead} s in the server's future: the clock of ${site.name} is ahead of the server's; expected at most ${CLOCK_TOLERANCE} s.`,
      );
    }
    if (claims.exp! - claims.iat! > SITE_TOKEN_LIFETIME) {
      throw new ApiError(
        'unauthenticated',
        `The token is valid for ${claims.exp! - claims.iat!} s; expected at most ${SITE_TOKEN_LIFETIME} s.`,
      );
    }
    requireSame(claims, asked);
    await this.#use(site.id, claims.jti!, new Date(claims.exp! * 1000));
    const { name, role, state, keyFingerprint: fingerprint } = site;
    return { kind: 'site', id: site.id, name, role, state, fingerprint, expiresAt: claims.exp! * 1000 };
  }

  /** Counts on every server process, because it is a row. */
  async #use(siteId: string, jti: string, expiresAt: Date): Promise<void> {
    const used = await this.dataSource.query<unknown[]>(
      `INSERT INTO "site_proof" ("site_id", "jti", "expires_at") VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING "jti"`,
      [siteId, jti, expiresAt],
    );
    if (used.length === 0)
      throw new ApiError('token-used', 'The token has been used already; a site makes one for each request.');
  }

  async #claims(verify: () => Promise<{ payload: JWTPayload }>): Promise<JWTPayload> {
    try {
      return (await verify()).payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        const late = seconds(this.clock) - error.payload.exp!;
        throw new ApiError(
          'token-expired',
          `The token expired ${late} s ago by the server's clock (${this.clock.now().toISOString()}); renew it, and check the clock of this machine if it was fresh.`,
        );
      }
      if (error instanceof errors.JWTClaimValidationFailed) {
        throw new ApiError('unauthenticated', `The token's claim "${error.claim}" is not what this server expects.`);
      }
      if (error instanceof errors.JOSEError)
        throw new ApiError('unauthenticated', "The token's signature is not valid.");
      throw error;
    }
  }
}

function requireSame(claims: JWTPayload, asked: ProofClaims): void {
  const { success, data: made } = ProofClaims.safeParse(claims);
  if (!success)
    throw new ApiError('unauthenticated', 'The token names no request: expected the claims htm and htu (RFC 9449).');
  if (made.htm !== asked.htm || made.htu !== asked.htu)
    throw new ApiError(
      'unauthenticated',
      `The token was made for another request: expected ${asked.htm} ${asked.htu}.`,
    );
  if (made.body !== asked.body)
    throw new ApiError('unauthenticated', 'The token was made for a request with another body than the one that came.');
}

function headerOf(token: string): { alg?: string; kid?: string } {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return { ...(typeof alg === 'string' && { alg }), ...(typeof kid === 'string' && { kid }) };
  } catch {
    throw new ApiError('unauthenticated', 'The token is not a JSON Web Token.');
  }
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000);
}
