import { z } from 'zod';
import { StudyConsent } from '../protocol/consent.js';
import { ErrorAnswer, LoginAnswer } from '../protocol/operator.js';
import { ReleaseState, type PromoteRequest } from '../protocol/release.js';
import { MetricPoint, ModelVersion, RoundView, StudyView } from '../protocol/round.js';
import { EnrolmentCode, SiteView } from '../protocol/site.js';
import type { StudyDraft } from '../protocol/study.js';

export interface Operator {
  name: string;
  password: string;
  /** Of an authenticator app. It counts once: a client that has to log in again needs another. */
  code?: string;
}

/** Why a request has no answer to give: the server said no, with a sentence; or there was no server to say anything. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';

  constructor(
    readonly kind: 'refused' | 'unreachable',
    sentence: string,
    options?: ErrorOptions & { code?: string },
  ) {
    super(sentence, options);
    this.code = options?.code;
  }

  /** Of the server's closed list, where it is the server that says no. */
  readonly code: string | undefined;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** Pauses before a request that only reads is made again: a busy server may close a kept connection just as it is used. */
const PAUSES_MS = [100, 400, 1600, 5000];

/** The operator's side of the REST interface, for programs. Throws RequestFailed where there is no answer. */
export class OperatorClient {
  #token: string;

  /** Who has no more than a token is asked to log in again once it has expired. */
  constructor(
    readonly url: string,
    private readonly operator: Operator | { token: string },
  ) {
    this.#token = 'token' in operator ? operator.token : '';
  }

  static async logIn(url: string, operator: Operator): Promise<OperatorClient> {
    const client = new OperatorClient(url, operator);
    await client.logIn();
    return client;
  }

  async logIn(): Promise<LoginAnswer> {
    if ('token' in this.operator)
      throw new RequestFailed('refused', `${this.url}: expected a log-in that is valid, got one that is not any more`);
    const answer = await this.post('/login', LoginAnswer, this.operator);
    this.#token = answer.token;
    return answer;
  }

  enrolmentCode(name: string, role: 'trainer' | 'observer' = 'trainer'): Promise<EnrolmentCode> {
    return this.post('/enrolment-codes', EnrolmentCode, { name, role });
  }

  /** `fingerprint`: of the key that the site enrolled, as its people read it out. */
  approve(siteId: string, fingerprint: string): Promise<SiteView> {
    return this.post(`/sites/${siteId}/approve`, SiteView, { fingerprint });
  }

  /** For programs that hold both ends: a code, the site's enrolment with it, and the approval of the key that enrolled. */
  async admit<S extends { id: string; fingerprint: string }>(
    name: string,
    enrol: (code: string) => Promise<S>,
    role: 'trainer' | 'observer' = 'trainer',
  ): Promise<S> {
    const site = await enrol((await this.enrolmentCode(name, role)).code);
    await this.approve(site.id, site.fingerprint);
    return site;
  }

  sites(): Promise<SiteView[]> {
    return this.get('/sites', z.array(SiteView));
  }

  revoke(siteId: string): Promise<SiteView> {
    return this.post(`/sites/${siteId}/revoke`, SiteView);
  }

  studies(): Promise<StudyView[]> {
    return this.get('/studies', z.array(StudyView));
  }

  study(id: string): Promise<StudyView> {
    return this.get(`/studies/${id}`, StudyView);
  }

  createStudy(manifest: StudyDraft): Promise<StudyView> {
    return this.post('/studies', StudyView, manifest);
  }

  setStudy(id: string, action: 'start' | 'pause' | 'resume' | 'stop'): Promise<StudyView> {
    return this.post(`/studies/${id}/${action}`, StudyView);
  }

  /** Of sites that have said anything about it, by name. */
  consents(studyId: string): Promise<StudyConsent[]> {
    return this.get(`/studies/${studyId}/consents`, z.array(StudyConsent));
  }

  /** In the order in which they were planned. */
  rounds(studyId: string): Promise<RoundView[]> {
    return this.get(`/studies/${studyId}/rounds`, z.array(RoundView));
  }

  metrics(roundId: string): Promise<MetricPoint[]> {
    return this.get(`/rounds/${roundId}/metrics`, z.array(MetricPoint));
  }

  models(studyId: string): Promise<ModelVersion[]> {
    return this.get(`/studies/${studyId}/models`, z.array(ModelVersion));
  }

  release(studyId: string): Promise<ReleaseState> {
    return this.get(`/studies/${studyId}/release`, ReleaseState);
  }

  signOff(studyId: string, version: number, statement: string): Promise<ReleaseState> {
    return this.post(`/studies/${studyId}/models/${version}/sign-off`, ReleaseState, { statement });
  }

  promote(studyId: string, version: number, request: z.input<typeof PromoteRequest>): Promise<ReleaseState> {
    return this.post(`/studies/${studyId}/models/${version}/promote`, ReleaseState, request);
  }

  rollBack(studyId: string, reason: string | null): Promise<ReleaseState> {
    return this.post(`/studies/${studyId}/release/roll-back`, ReleaseState, { reason });
  }

  get<T extends z.ZodType>(path: string, answer: T): Promise<z.output<T>> {
    return this.#call('GET', path, answer);
  }

  post<T extends z.ZodType>(path: string, answer: T, body?: unknown): Promise<z.output<T>> {
    return this.#call('POST', path, answer, body);
  }

  /** For what is no JSON, or more than belongs into memory: the body of the answer, as it comes. */
  async open(path: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#answer('GET', path);
    if (body === null) throw new RequestFailed('unreachable', `${path}: expected content, got none`);
    return body;
  }

  async #call<T extends z.ZodType>(method: string, path: string, answer: T, body?: unknown): Promise<z.output<T>> {
    const response = await this.#answer(method, path, body);
    return answer.parse(response.status === 204 ? undefined : await response.json());
  }

  async #answer(method: string, path: string, body?: unknown): Promise<Response> {
    let response = await this.#send(method, path, body);
    if (response.status === 401 && path !== '/login') {
      await this.logIn();
      response = await this.#send(method, path, body);
    }
    if (response.ok) return response;
    const refusal = ErrorAnswer.safeParse(await response.json().catch(() => undefined));
    if (refusal.success) throw new RequestFailed('refused', refusal.data.message, { code: refusal.data.code });
    throw new RequestFailed('refused', `${method} ${path}: the server answered ${response.status}`);
  }

  /** Throws where the server cannot be reached, or does not answer in time. */
  async #send(method: string, path: string, body: unknown): Promise<Response> {
    const pauses = method === 'GET' ? PAUSES_MS.values() : [].values();
    for (;;) {
      try {
        return await fetch(`${this.url}/api/v1${path}`, {
          method,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        });
      } catch (error) {
        const { value: pause } = pauses.next();
        if (pause === undefined) throw unreachable(this.url, error);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }
}

function unreachable(url: string, error: unknown): RequestFailed {
  const { cause, message } = error as Error;
  return new RequestFailed(
    'unreachable',
    `${url}: expected an answer of the server, got ${cause instanceof Error ? cause.message : message}`,
    {
      cause: error,
    },
  );
}
