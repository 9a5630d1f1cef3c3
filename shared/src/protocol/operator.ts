import { z } from 'zod';
import { Instant } from './primitives.js';

export const LoginRequest = z.strictObject({ name: z.string().min(1).max(100), password: z.string().min(1).max(200) });
export const LoginAnswer = z.strictObject({ token: z.string(), expiresAt: Instant });
export type LoginAnswer = z.infer<typeof LoginAnswer>;

/** The one shape of every error answer: a sentence for a person, a code for a program. */
export const ErrorAnswer = z.strictObject({ statusCode: z.int(), code: z.string(), message: z.string() });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
