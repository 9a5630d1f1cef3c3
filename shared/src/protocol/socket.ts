import { z } from 'zod';
import type { Progress } from './round.js';
import type { SiteHello } from './site.js';

/** Control messages only, each under 64 KB; tensors go by HTTP. */
export const MAX_SOCKET_MESSAGE_BYTES = 64 * 1024;

/** "Something changed, look again": REST is the truth, the socket only wakes. */
export const Changed = z.strictObject({
  topic: z.enum(['study', 'round', 'site', 'model']),
  id: z.string(),
  version: z.int(),
});
export type Changed = z.infer<typeof Changed>;

export type Acknowledgement = { ok: true } | { ok: false; sentence: string };

/** Socket.IO's typed maps. Sites and operators use one namespace; the handshake's token says which one speaks. */
export interface ClientEvents {
  hello: (hello: SiteHello, acknowledge: (answer: Acknowledgement) => void) => void;
  progress: (progress: Progress, acknowledge: (answer: Acknowledgement) => void) => void;
}
export interface ServerEvents {
  /** To a site: ask for the assignment again. */
  assignment: () => void;
  /** To operators. */
  changed: (change: Changed) => void;
}
