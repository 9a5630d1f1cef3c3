import type { OperatorClient } from '@consilium/shared';
import type { Console } from './console.js';

/** What a command works with. */
export interface Surroundings {
  /** As whoever has logged in; asked for only where a command needs the server. */
  client: () => Promise<OperatorClient>;
  console: Console;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}
