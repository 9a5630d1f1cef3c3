import { ErrorAnswer } from '@consilium/shared';
import { currentSession, endSession, EXPIRED } from '../session/session.js';
import { Failure } from './failure.js';

/** What parses an answer: any zod schema of the shared protocol. */
export interface AnswerSchema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: Issue[] } };
}
interface Issue {
  path: PropertyKey[];
  message: string;
}

/** Of requests that are answered without content. */
export const nothing: AnswerSchema<undefined> = {
  safeParse: () => ({ success: true, data: undefined }),
};

export function get<T>(path: string, schema: AnswerSchema<T>, signal?: AbortSignal): Promise<T> {
  return request('GET', path, schema, undefined, signal);
}

/** `patience`: milliseconds, for what takes long to answer. */
export function post<T>(path: string, schema: AnswerSchema<T>, body?: unknown, patience?: number): Promise<T> {
  return request('POST', path, schema, body, undefined, patience);
}

/** A blob, whole; large ones take their time. */
export async function download(path: string): Promise<Blob> {
  const response = await send('GET', path, undefined, undefined, 600_000);
  if (!response.ok) throw refusalOf(response.status, await readJson(response), 'GET', path);
  return response.blob();
}

async function request<T>(
  method: 'GET' | 'POST',
  path: string,
  schema: AnswerSchema<T>,
  body?: unknown,
  signal?: AbortSignal,
  patience?: number,
): Promise<T> {
  const response = await send(method, path, body, signal, patience);
  const value = await readJson(response);
  if (!response.ok) throw refusalOf(response.status, value, method, path);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues.at(0);
  const where = issue === undefined || issue.path.length === 0 ? 'the whole answer' : issue.path.join('.');
  throw new Failure(
    'unexpected',
    `The server answered ${method} ${path} in a form this page does not know (${where}: ${issue?.message ?? 'invalid'}).`,
  );
}

async function send(
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal | undefined,
  patience = 20_000,
): Promise<Response> {
  const session = currentSession();
  const headers: Record<string, string> = { accept: 'application/json' };
  if (session !== null) headers['authorization'] = `Bearer ${session.token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      headers,
      // A server that accepts and never answers must not leave a panel loading for ever.
      signal:
        signal === undefined ? AbortSignal.timeout(patience) : AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Failure('unreachable', 'The server does not answer.');
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

function refusalOf(status: number, value: unknown, method: string, path: string): Failure {
  const answer = ErrorAnswer.safeParse(value);
  const sentence = answer.success
    ? answer.data.message
    : `The server answered ${method} ${path} with status ${status}.`;
  // Log-in answers 401 too, but then nobody is logged in.
  if (status === 401) endSession(EXPIRED);
  // A proxy in front of a stopped server answers these in its place.
  if (status === 502 || status === 503 || status === 504) return new Failure('unreachable', sentence, status);
  return new Failure(status >= 500 ? 'broken' : 'refused', sentence, status, answer.data?.code);
}
