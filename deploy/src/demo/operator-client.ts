import {
  EnrolmentCode,
  ErrorAnswer,
  LoginAnswer,
  ModelVersion,
  RoundView,
  SiteView,
  StudyView,
  type StudyManifest,
} from '@consilium/shared';
import { z } from 'zod';

export interface Operator {
  name: string;
  password: string;
}

/** The operator's side of the REST interface, as far as the demo needs it. Throws a sentence where the server says no. */
export class OperatorClient {
  #token = '';

  constructor(
    readonly url: string,
    private readonly operator: Operator,
  ) {}

  async logIn(): Promise<void> {
    this.#token = (await this.#call('POST', '/login', LoginAnswer, this.operator)).token;
  }

  enrolmentCode(name: string, role: 'trainer' | 'observer'): Promise<EnrolmentCode> {
    return this.#call('POST', '/enrolment-codes', EnrolmentCode, { name, role });
  }

  sites(): Promise<SiteView[]> {
    return this.#call('GET', '/sites', z.array(SiteView));
  }

  studies(): Promise<StudyView[]> {
    return this.#call('GET', '/studies', z.array(StudyView));
  }

  study(id: string): Promise<StudyView> {
    return this.#call('GET', `/studies/${id}`, StudyView);
  }

  createStudy(manifest: z.input<typeof StudyManifest>): Promise<StudyView> {
    return this.#call('POST', '/studies', StudyView, manifest);
  }

  setStudy(id: string, action: 'start' | 'resume' | 'stop'): Promise<StudyView> {
    return this.#call('POST', `/studies/${id}/${action}`, StudyView);
  }

  rounds(studyId: string): Promise<RoundView[]> {
    return this.#call('GET', `/studies/${studyId}/rounds`, z.array(RoundView));
  }

  models(studyId: string): Promise<ModelVersion[]> {
    return this.#call('GET', `/studies/${studyId}/models`, z.array(ModelVersion));
  }

  async #call<T extends z.ZodType>(method: string, path: string, answer: T, body?: unknown): Promise<z.infer<T>> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
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
