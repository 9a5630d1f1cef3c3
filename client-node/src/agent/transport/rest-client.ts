import { z } from 'zod';
import {
  Assignment,
  ConsistencyProof,
  Enrolled,
  ErrorAnswer,
  InclusionProof,
  LogKeys,
  PROTOCOL_VERSION,
  ReleasedModel,
  SiteApproval,
  SubmitAnswer,
  type Cosignature,
  type EnrolRequest,
  type Evaluation,
  type LeaveRound,
  type ProvenRequest,
  type SubmitKeyChange,
} from '@consilium/shared';
import { errorText, NodeFailure, systemCode } from '../../settings/failure.js';
import { firstIssue } from '../../settings/whole-file.js';
import type { Clock } from '../clock.js';
import { API, type Prove, type Route } from './route.js';

const REQUEST_TIMEOUT_MS = 30_000;

const Health = z.object({ status: z.string(), version: z.string(), protocolVersion: z.int(), time: z.iso.datetime() });
export type Health = z.infer<typeof Health>;

/** The server answered, and the answer is no. */
export class RequestRefused extends NodeFailure {
  constructor(
    readonly status: number,
    readonly code: string,
    sentence: string,
  ) {
    super('refused', sentence);
  }

  /** Asking again with the same identity cannot help. */
  get isIdentityRefused(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

interface Proofs {
  of(request: ProvenRequest): Promise<string>;
  skewSeconds: number;
}

interface Request {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** The server's REST interface as a site sees it. Every failure is a NodeFailure with a sentence. */
export class RestClient {
  constructor(
    readonly route: Route,
    private readonly clock: Clock,
    private readonly proofs?: Proofs,
  ) {}

  get server(): string {
    return this.route.server;
  }

  /** Also learns how far apart the two clocks are, so that tokens are dated in the server's time. */
  async health(signal?: AbortSignal): Promise<Health & { skewSeconds: number }> {
    const asked = this.clock.now();
    const health = await this.#ask({ method: 'GET', path: '/health', signal }, Health);
    if (health.protocolVersion !== PROTOCOL_VERSION) {
      throw new NodeFailure(
        'refused',
        `${this.server}: this node speaks protocol ${PROTOCOL_VERSION}, the server speaks ${health.protocolVersion}; update the older of the two`,
      );
    }
    const skewSeconds = Math.round((Date.parse(health.time) - (asked + this.clock.now()) / 2) / 1000);
    if (this.proofs !== undefined) this.proofs.skewSeconds = skewSeconds;
    return { ...health, skewSeconds };
  }

  enrol(request: EnrolRequest): Promise<Enrolled> {
    return this.#ask({ method: 'POST', path: '/enrol', body: request }, Enrolled);
  }

  approval(signal?: AbortSignal): Promise<SiteApproval> {
    return this.#askAsSite({ method: 'GET', path: '/site/approval', signal }, SiteApproval);
  }

  assignment(signal?: AbortSignal): Promise<Assignment> {
    return this.#askAsSite({ method: 'GET', path: '/site/assignment', signal }, Assignment);
  }

  /** The newest release first. */
  releases(signal?: AbortSignal): Promise<ReleasedModel[]> {
    return this.#askAsSite({ method: 'GET', path: '/site/releases', signal }, z.array(ReleasedModel));
  }

  submitUpdate(jws: string, signal?: AbortSignal): Promise<SubmitAnswer> {
    return this.#askAsSite({ method: 'POST', path: '/site/updates', body: { jws }, signal }, SubmitAnswer);
  }

  async consent(jws: string, signal?: AbortSignal): Promise<void> {
    await this.#askAsSite({ method: 'POST', path: '/site/consents', body: { jws }, signal }, z.unknown());
  }

  async changeKey(body: SubmitKeyChange, signal?: AbortSignal): Promise<void> {
    await this.#askAsSite({ method: 'POST', path: '/site/key', body, signal }, z.unknown());
  }

  async leaveRound(roundId: string, body: LeaveRound, signal?: AbortSignal): Promise<void> {
    await this.#askAsSite({ method: 'POST', path: `/site/rounds/${roundId}/leave`, body, signal }, z.unknown());
  }

  async submitEvaluation(evaluation: Evaluation, signal?: AbortSignal): Promise<void> {
    await this.#askAsSite({ method: 'POST', path: '/site/evaluations', body: evaluation, signal }, z.unknown());
  }

  logKeys(signal?: AbortSignal): Promise<LogKeys> {
    return this.#askAsSite({ method: 'GET', path: '/log/keys', signal }, LogKeys);
  }

  consistency(from: number, to: number, signal?: AbortSignal): Promise<ConsistencyProof> {
    return this.#askAsSite(
      { method: 'GET', path: `/log/proof/consistency?from=${from}&to=${to}`, signal },
      ConsistencyProof,
    );
  }

  inclusion(index: number, size: number, signal?: AbortSignal): Promise<InclusionProof> {
    return this.#askAsSite(
      { method: 'GET', path: `/log/proof/inclusion?index=${index}&size=${size}`, signal },
      InclusionProof,
    );
  }

  async cosign(cosignature: Cosignature, signal?: AbortSignal): Promise<void> {
    await this.#askAsSite({ method: 'POST', path: '/site/log/cosignatures', body: cosignature, signal }, z.unknown());
  }

  get uploadUrl(): string {
    return `${this.server}${API}/uploads`;
  }

  readonly prove: Prove = async (request) =>
    this.proofs === undefined ? {} : { authorization: `Bearer ${await this.proofs.of(request)}` };

  /** A 401 may only mean that this machine's clock was set meanwhile: the time is compared and the question put once more. */
  async #askAsSite<S extends z.ZodType>(request: Request, answer: S): Promise<z.output<S>> {
    try {
      return await this.#ask(request, answer);
    } catch (error) {
      if (!(error instanceof RequestRefused) || error.status !== 401) throw error;
      await this.health(request.signal);
      return this.#ask(request, answer);
    }
  }

  async #ask<S extends z.ZodType>(request: Request, answer: S): Promise<z.output<S>> {
    const response = await this.#send(request);
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(this.route.name, error);
    });
    const value = parseJson(text);
    if (!response.ok) throw refusalOf(this.server, response, value);
    const parsed = answer.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new NodeFailure(
      'server-unreachable',
      `${this.server}${request.path}: expected the answer of a Consilium server, got ${describe(response)} (${firstIssue(parsed.error)})`,
    );
  }

  async #send(request: Request): Promise<Response> {
    const { method, path, body } = request;
    const permit = await this.route.gate.pass({ kind: 'request', method, path, body });
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    try {
      return await this.route.send(permit, { headers, signal, prove: this.prove });
    } catch (error) {
      if (request.signal?.aborted === true) throw request.signal.reason;
      throw unreachable(this.route.name, error);
    }
  }
}

const UNTRUSTED = 'its certificate is not trusted here (the setting caFile names the certificate of your own CA)';

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no machine has that name',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNRESET: 'it closed the connection',
  ETIMEDOUT: 'it did not answer in time',
  EPIPE: 'it closed the connection',
  EHOSTUNREACH: 'there is no way to it from here',
  ENETUNREACH: 'there is no way to it from here',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock of this machine is wrong',
};

export function unreachable(server: string, error: unknown): NodeFailure {
  if (error instanceof NodeFailure) return error;
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const code = timedOut ? 'ETIMEDOUT' : (systemCode(error) ?? '');
  const reason = SENTENCES[code] ?? (code === '' ? rootMessage(error) : code);
  return new NodeFailure('server-unreachable', `the server ${server} cannot be reached: ${reason}`, { cause: error });
}

/** Answers below 500 are the server's own "no"; the others, and "too busy", pass with time. */
export function refusalOf(server: string, response: Response, value: unknown): NodeFailure {
  if (response.status === 407)
    return new NodeFailure(
      'usage',
      `the proxy before ${server} wants a name and a password: http://NAME:PASSWORD@HOST:PORT`,
    );
  const parsed = ErrorAnswer.safeParse(value);
  const message = parsed.success ? parsed.data.message : `got ${describe(response)}`;
  if (response.status >= 500 || response.status === 408 || response.status === 425 || response.status === 429) {
    return new NodeFailure('server-unreachable', `the server ${server} cannot answer now: ${message}`);
  }
  if (!parsed.success) {
    return new NodeFailure('server-unreachable', `${server}: expected a Consilium server, ${message}`);
  }
  return new RequestRefused(response.status, parsed.data.code, `the server refused: ${message}`);
}

function describe(response: Response): string {
  const type = response.headers.get('content-type')?.split(';')[0] ?? 'nothing';
  return `HTTP ${response.status} with ${type}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function rootMessage(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? rootMessage(error.cause) : errorText(error);
}
