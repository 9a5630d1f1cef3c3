import { OperatorRole, roleIncludes } from '@consilium/shared';
import { useSyncExternalStore } from 'react';

/** Who is logged in, in this tab. The server checks the token again on every request. */
export interface Session {
  name: string;
  role: OperatorRole;
  token: string;
  expiresAt: string;
}

const KEY = 'consilium.session';
const listeners = new Set<() => void>();
let current: Session | null = read();
/** Why the last session ended, for the log-in page to say; null after a log-out by the user. */
let ending: string | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
watchExpiry();

export function currentSession(): Session | null {
  return current;
}

export function sessionEnding(): string | null {
  return ending;
}

export function beginSession(session: Session): void {
  ending = null;
  change(session);
}

/** `reason` is one sentence for the log-in page. */
export function endSession(reason: string | null): void {
  if (current === null) return;
  ending = reason;
  change(null);
}

export function useSession(): Session | null {
  return useSyncExternalStore(subscribeToSession, currentSession);
}

/** Whether the person at this screen may do what needs this role; the server has the last word. */
export function useMay(needed: OperatorRole): boolean {
  const session = useSession();
  return session !== null && roleIncludes(session.role, needed);
}

export function subscribeToSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(session: Session | null): void {
  current = session;
  if (session === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(session));
  watchExpiry();
  listeners.forEach((listener) => {
    listener();
  });
}

function watchExpiry(): void {
  clearTimeout(timer);
  if (current === null) return;
  // A timer longer than 2^31 ms fires at once.
  const left = Math.min(Date.parse(current.expiresAt) - Date.now(), 0x7fffffff);
  timer = setTimeout(() => {
    endSession(EXPIRED);
  }, left);
}

export const EXPIRED = 'Your session has expired. Log in again to continue where you were.';

function read(): Session | null {
  const text = sessionStorage.getItem(KEY);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (isSession(value) && Date.parse(value.expiresAt) > Date.now()) return value;
  } catch {
    // Not JSON: somebody else wrote there. The user logs in again.
  }
  sessionStorage.removeItem(KEY);
  return null;
}

function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false;
  const { name, role, token, expiresAt } = value as Partial<Record<keyof Session, unknown>>;
  const texts = [name, token, expiresAt].every((text) => typeof text === 'string');
  return texts && OperatorRole.safeParse(role).success;
}
