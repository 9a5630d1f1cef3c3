import { hasDebianPostgres, startDebianPostgres } from '@consilium/server/dist/testing/debian-postgres.js';

export interface TestDatabase {
  /** Undefined for the one that the server embeds in its home. */
  url: string | undefined;
  stop(): Promise<void>;
}

interface DatabaseKind {
  name: string;
  here: boolean;
  start(): Promise<TestDatabase>;
}

export const embedded: DatabaseKind = {
  name: 'PGlite',
  here: true,
  start: () => Promise.resolve({ url: undefined, stop: () => Promise.resolve() }),
};
export const postgres: DatabaseKind = { name: 'Postgres 15', here: hasDebianPostgres, start: startDebianPostgres };
