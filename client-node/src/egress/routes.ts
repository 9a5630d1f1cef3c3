import {
  Cosignature,
  EnrolRequest,
  Evaluation,
  LeaveRound,
  Progress,
  SiteHello,
  SubmitConsent,
  SubmitKeyChange,
  SubmitUpdate,
} from '@consilium/shared';
import type { z } from 'zod';

/** One thing that a node may say to its server. Nothing else goes out, whatever a policy says. */
export interface Way {
  /** What it is, for people. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'socket';
  /** Below the API's root, or the name of a message; an expression matches all of it. */
  readonly path: string | RegExp;
  /** Of what goes with it; none where nothing does. */
  readonly form?: z.ZodType;
}

const WAYS: readonly Way[] = [
  { what: 'health', method: 'GET', path: '/health' },
  { what: 'enrolment', method: 'POST', path: '/enrol', form: EnrolRequest },
  { what: 'approval', method: 'GET', path: '/site/approval' },
  { what: 'assignment', method: 'GET', path: '/site/assignment' },
  { what: 'releases', method: 'GET', path: '/site/releases' },
  { what: 'model', method: 'GET', path: /^\/blobs\/[0-9a-f]{64}$/ },
  { what: 'consent', method: 'POST', path: '/site/consents', form: SubmitConsent },
  { what: 'change of key', method: 'POST', path: '/site/key', form: SubmitKeyChange },
  { what: 'manifest', method: 'POST', path: '/site/updates', form: SubmitUpdate },
  { what: 'leaving', method: 'POST', path: /^\/site\/rounds\/[0-9a-f-]{36}\/leave$/, form: LeaveRound },
  { what: 'evaluation', method: 'POST', path: '/site/evaluations', form: Evaluation },
  { what: 'log keys', method: 'GET', path: '/log/keys' },
  { what: 'log proof', method: 'GET', path: /^\/log\/proof\/consistency\?from=\d{1,15}&to=\d{1,15}$/ },
  { what: 'log proof', method: 'GET', path: /^\/log\/proof\/inclusion\?index=\d{1,15}&size=\d{1,15}$/ },
  { what: 'cosignature', method: 'POST', path: '/site/log/cosignatures', form: Cosignature },
  { what: 'hello', method: 'socket', path: 'hello', form: SiteHello },
  { what: 'progress', method: 'socket', path: 'progress', form: Progress },
];

export function wayOf(method: Way['method'], path: string): Way | undefined {
  return WAYS.find(
    (way) => way.method === method && (way.path === path || (way.path instanceof RegExp && way.path.test(path))),
  );
}

/** Whether taking it says nothing but that it is taken: then it is decided on once, not each time. */
export function isBare({ path, form }: Way): boolean {
  return form === undefined && typeof path === 'string';
}
