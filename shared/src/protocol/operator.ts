import { z } from 'zod';
import { Instant } from './primitives.js';

/**
 * What a person may do. A viewer sees; an operator also runs studies and decides on sites and updates; an auditor also takes
 * the log away and sees who may do what; an owner may do everything, users included.
 */
export const OperatorRole = z.enum(['viewer', 'operator', 'auditor', 'owner']);
export type OperatorRole = z.infer<typeof OperatorRole>;

const INCLUDED: Record<OperatorRole, readonly OperatorRole[]> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  auditor: ['viewer', 'auditor'],
  owner: ['viewer', 'operator', 'auditor', 'owner'],
};

/** Whether a person with the role `own` may do what `needed` names: the one table of it, for server and dashboard. */
export function roleIncludes(own: OperatorRole, needed: OperatorRole): boolean {
  return INCLUDED[own].includes(needed);
}

export const LoginRequest = z.strictObject({ name: z.string().min(1).max(100), password: z.string().min(1).max(200) });
export const LoginAnswer = z.strictObject({ token: z.string(), expiresAt: Instant, role: OperatorRole });
export type LoginAnswer = z.infer<typeof LoginAnswer>;

/** The one shape of every error answer: a sentence for a person, a code for a program. */
export const ErrorAnswer = z.strictObject({ statusCode: z.int(), code: z.string(), message: z.string() });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
