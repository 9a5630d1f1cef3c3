import { z } from 'zod';
import { Count, Id, Instant } from './primitives.js';

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

const OperatorName = z.string().trim().min(1).max(100);
const NewPassword = z.string().min(8, 'expected at least 8 characters').max(200);
/** Six digits of an authenticator app (RFC 6238), or a recovery code, however they were grouped. */
const SecondFactorCode = z.string().min(6).max(40);

export const LoginRequest = z.strictObject({
  name: z.string().min(1).max(100),
  password: z.string().min(1).max(200),
  code: SecondFactorCode.optional(),
});
export const LoginAnswer = z.strictObject({
  token: z.string(),
  expiresAt: Instant,
  name: z.string(),
  role: OperatorRole,
});
export type LoginAnswer = z.infer<typeof LoginAnswer>;

/** `provider`: what a house calls its own log-in; null where there is only the password. */
export const LoginMethods = z.strictObject({ provider: z.string().nullable() });
export type LoginMethods = z.infer<typeof LoginMethods>;
export const ProviderHandover = z.strictObject({ handover: z.string().min(1).max(2000) });
export type ProviderHandover = z.infer<typeof ProviderHandover>;
/** Why a log-in at the provider came to nothing. */
export const LogInProblem = z.enum(['no-account', 'not-identified', 'provider-away']);
export type LogInProblem = z.infer<typeof LogInProblem>;

/** One's own. */
export const Account = z.strictObject({
  name: z.string(),
  role: OperatorRole,
  secondFactor: z.boolean(),
  recoveryCodes: Count.describe('that have not been used'),
});
export type Account = z.infer<typeof Account>;

export const ChangePassword = z.strictObject({ password: z.string().min(1).max(200), next: NewPassword });
export type ChangePassword = z.infer<typeof ChangePassword>;

/** For an authenticator app; in force once a code of it has come back. */
export const SecondFactorOffer = z.strictObject({
  secret: z.string().describe('base32'),
  uri: z.string().describe('otpauth://…'),
});
export type SecondFactorOffer = z.infer<typeof SecondFactorOffer>;
export const SecondFactorProof = z.strictObject({ code: SecondFactorCode });
export type SecondFactorProof = z.infer<typeof SecondFactorProof>;
/** Shown once. Each stands for one code, where the app is lost. */
export const RecoveryCodes = z.strictObject({ recoveryCodes: z.array(z.string()) });
export type RecoveryCodes = z.infer<typeof RecoveryCodes>;

/** By a password of this server, or at the house's identity provider. */
export const LogsInBy = z.enum(['password', 'provider']);
export type LogsInBy = z.infer<typeof LogsInBy>;

export const OperatorView = z.strictObject({
  id: Id,
  name: z.string(),
  role: OperatorRole,
  logsInBy: LogsInBy,
  secondFactor: z.boolean(),
  createdAt: Instant,
});
export type OperatorView = z.infer<typeof OperatorView>;
export const NewOperator = z.strictObject({
  name: OperatorName.describe('where they log in at a provider: as it calls them'),
  role: OperatorRole,
  logsInBy: LogsInBy.default('password'),
});
export type NewOperator = z.output<typeof NewOperator>;
export const RoleChange = z.strictObject({ role: OperatorRole });
export type RoleChange = z.infer<typeof RoleChange>;
/** Shown once, to whoever made the account, to be handed on; null for who logs in at a provider. */
export const DrawnPassword = z.strictObject({ name: z.string(), password: z.string().nullable() });
export type DrawnPassword = z.infer<typeof DrawnPassword>;

/** The one shape of every error answer: a sentence for a person, a code for a program. */
export const ErrorAnswer = z.strictObject({ statusCode: z.int(), code: z.string(), message: z.string() });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
