import { Inject, Injectable } from '@nestjs/common';
import * as oidc from 'openid-client';
import { HomeFolder } from '../settings/home-folder.js';
import { CLOCK, SETTINGS, type Clock } from '../settings/process-context.js';
import type { Settings } from '../settings/settings.js';
import { Seal } from './sealed.js';
import { z } from 'zod';

/** Milliseconds that somebody may take to log in there. */
const PATIENCE_MS = 10 * 60_000;

const Begun = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), until: z.number() });

/** Somebody as the provider knows them. `name`: what the setting oidcClaim asks for. */
export interface Identified {
  issuer: string;
  subject: string;
  name: string;
}

/** A house's own log-in by OpenID Connect: authorisation code with PKCE, state and nonce. Nothing about it is kept between requests. */
@Injectable()
export class IdentityProvider {
  readonly #seal: Seal;
  #discovered: Promise<oidc.Configuration> | undefined;

  constructor(
    home: HomeFolder,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#seal = new Seal(home.identity.operatorKey, 'consilium log-in at a provider');
  }

  /** As the button names it; null where this server knows no provider. */
  get label(): string | null {
    return this.settings.oidcIssuer === undefined ? null : this.settings.oidcLabel;
  }

  get callback(): URL {
    return new URL(`${this.settings.publicUrl}/api/v1/login/oidc/callback`);
  }

  /** Where the browser goes, and what it brings back besides, sealed. */
  async begin(): Promise<{ url: URL; ticket: string }> {
    const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
    const url = oidc.buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: this.callback.href,
      scope: this.settings.oidcScope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    const until = this.clock.now().getTime() + PATIENCE_MS;
    return { url, ticket: this.#seal.seal(JSON.stringify({ state, nonce, verifier, until })) };
  }

  /** `search`: what the provider sent along. Rejects where it is not the answer to what was begun with this ticket. */
  async end(search: string, ticket: string): Promise<Identified> {
    const begun = Begun.parse(JSON.parse(this.#seal.open(ticket)));
    if (begun.until < this.clock.now().getTime()) throw new Error('log-in at the provider: it took too long');
    const answer = this.callback;
    answer.search = search;
    const tokens = await oidc.authorizationCodeGrant(await this.#configuration(), answer, {
      expectedState: begun.state,
      expectedNonce: begun.nonce,
      pkceCodeVerifier: begun.verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims()!;
    const { [this.settings.oidcClaim]: name, email_verified: isVerified } = claims;
    if (typeof name !== 'string' || name === '')
      throw new Error(`log-in at the provider: expected the claim ${this.settings.oidcClaim}, got none`);
    if (this.settings.oidcClaim === 'email' && isVerified === false)
      throw new Error('log-in at the provider: expected a verified address, got another');
    return { issuer: claims.iss, subject: claims.sub, name };
  }

  /** Found again after a failure: a provider may be away when this server starts. */
  async #configuration(): Promise<oidc.Configuration> {
    this.#discovered ??= this.#discover();
    try {
      return await this.#discovered;
    } catch (error) {
      this.#discovered = undefined;
      throw error;
    }
  }

  #discover(): Promise<oidc.Configuration> {
    const { oidcIssuer, oidcClientId, oidcClientSecret } = this.settings;
    if (oidcIssuer === undefined || oidcClientId === undefined)
      throw new Error('log-in at a provider: expected one in the settings, got none');
    const issuer = new URL(oidcIssuer);
    // A provider without TLS is one on this machine: the settings allow no other. It is deprecated to be noticed, not to go away.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const options = issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : {};
    return oidc.discovery(issuer, oidcClientId, oidcClientSecret, undefined, options);
  }
}
