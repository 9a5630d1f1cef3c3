import { Changed, type ClientEvents, type ServerEvents } from '@consilium/shared';
import type { QueryClient, QueryKey } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { io, type Socket } from 'socket.io-client';
import { currentSession, subscribeToSession } from '../session/session.js';
import { staleKeys } from './stale-keys.js';

/** `since` is when the socket was lost, in ms. */
export type Connection = { state: 'connecting' } | { state: 'live' } | { state: 'reconnecting'; since: number };

const POLL_MS = 10_000;
/** Seventy sites that report at once cause one refetch, not seventy; still well under a second to the eye. */
const GATHER_MS = 150;

let connection: Connection = { state: 'connecting' };
const listeners = new Set<() => void>();

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}

/** Keeps the cache fresh for as long as somebody is logged in: by the socket, or by polling while there is none. */
export function keepLive(queryClient: QueryClient): void {
  let close: (() => void) | null = null;
  let token: string | null = null;
  const follow = (): void => {
    const next = currentSession()?.token ?? null;
    if (next === token) return;
    token = next;
    close?.();
    close = next === null ? null : open(next, queryClient);
  };
  subscribeToSession(follow);
  follow();
}

function open(token: string, queryClient: QueryClient): () => void {
  setConnection({ state: 'connecting' });
  const socket: Socket<ServerEvents, ClientEvents> = io({
    auth: { token },
    transports: ['websocket', 'polling'],
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
  });
  const changes = gather(queryClient);
  const poll = setInterval(() => {
    // The server refused the socket itself (a restart in progress): Socket.IO does not try again by itself then.
    if (!socket.active) socket.connect();
    if (connection.state !== 'live') void queryClient.invalidateQueries();
  }, POLL_MS);
  socket.on('connect', () => {
    const first = connection.state === 'connecting';
    setConnection({ state: 'live' });
    // Whatever happened while nobody listened is unknown: look at everything again.
    if (!first) void queryClient.invalidateQueries();
  });
  const lost = (): void => {
    if (connection.state !== 'reconnecting') setConnection({ state: 'reconnecting', since: Date.now() });
  };
  socket.on('disconnect', lost);
  socket.on('connect_error', lost);
  socket.on('changed', (message) => {
    const change = Changed.safeParse(message);
    if (change.success) changes.add(change.data);
  });
  return () => {
    clearInterval(poll);
    changes.close();
    socket.off();
    socket.disconnect();
  };
}

/** Never more than one look at a time: a server that answers slowly is asked less often, and nothing is asked for twice. */
function gather(queryClient: QueryClient): { add(change: Changed): void; close(): void } {
  const keys = new Map<string, QueryKey>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let looking = false;
  const look = async (): Promise<void> => {
    timer = null;
    looking = true;
    const stale = [...keys.values()];
    keys.clear();
    await Promise.allSettled(stale.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
    looking = false;
    if (keys.size > 0) wait();
  };
  const wait = (): void => {
    if (!looking) timer ??= setTimeout(() => void look(), GATHER_MS);
  };
  return {
    add(change) {
      for (const key of staleKeys(change)) keys.set(JSON.stringify(key), key);
      wait();
    },
    close() {
      if (timer !== null) clearTimeout(timer);
      keys.clear();
    },
  };
}

function setConnection(next: Connection): void {
  connection = next;
  listeners.forEach((listener) => {
    listener();
  });
}
