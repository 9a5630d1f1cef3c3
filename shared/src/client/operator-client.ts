import { z } from 'zod';
import { ErrorAnswer, LoginAnswer } from '../protocol/operator.js';
import { MetricPoint, ModelVersion, RoundView, StudyView } from '../protocol/round.js';
import { EnrolmentCode, SiteView } from '../protocol/site.js';
import type { StudyDraft } from '../protocol/study.js';

export interface Operator {
  name: string;
  password: string;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** The operator's side of the REST interface, for programs. Throws a sentence where the server says no. */
export class OperatorClient {
  #token = '';

  constructor(
    readonly url: string,
    private readonly operator: Operator,
  ) {}

  static async logIn(url: string, operator: Operator): Promise<OperatorClient> {
    const client = new OperatorClient(url, operator);
    await client.logIn();
    return client;
  }

  async logIn(): Promise<void> {
    this.#token = (await this.post('/login', LoginAnswer, this.operator)).token;
  }

  enrolmentCode(name: string, role: 'trainer' | 'observer' = 'trainer'): Promise<EnrolmentCode> {
    return this.post('/enrolment-codes', EnrolmentCode, { name, role });
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

  get<T extends z.ZodType>(path: string, answer: T): Promise<z.output<T>> {
    return this.#call('GET', path, answer);
  }

  post<T extends z.ZodType>(path: string, answer: T, body?: unknown): Promise<z.output<T>> {
    return this.#call('POST', path, answer, body);
  }

  async #call<T extends z.ZodType>(method: string, path: string, answer: T, body?: unknown): Promise<z.output<T>> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const json: unknown = await response.json();
    if (response.ok) return answer.parse(json);
    if (response.status === 401 && path !== '/login') {
      await this.logIn();
      return this.#call(method, path, answer, body);
    }
    const refusal = ErrorAnswer.safeParse(json);
    throw new Error(
      refusal.success ? refusal.data.message : `${method} ${path}: the server answered ${response.status}`,
    );
  }
}
