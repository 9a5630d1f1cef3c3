import { z } from 'zod';
import { digestOfBytes } from '../canonical/canonical.js';
import { DigestSchema } from './primitives.js';

/** One request of a site, as it is sent. `path`: from `/api/v1` on with its query; what stands before it may be a proxy's. */
export interface ProvenRequest {
  method: string;
  path: string;
  /** JSON as it is sent; none for uploads, whose bytes the update's signed manifest names. */
  body?: string | Uint8Array | undefined;
}

/** Method and address as in RFC 9449 (DPoP), and the body's digest besides. */
export const ProofClaims = z.object({ htm: z.string(), htu: z.string(), body: DigestSchema.optional() });
export type ProofClaims = z.infer<typeof ProofClaims>;

/** The handshake of the control line. */
export const CONTROL_LINE: ProvenRequest = { method: 'CONNECT', path: '/socket.io/' };

/** Seconds that a proof is good for: of a request to arrive, of the control line to last. */
export const REQUEST_PROOF_SECONDS = 60;
export const CONTROL_LINE_SECONDS = 240;

export function proofClaims({ method, path, body }: ProvenRequest): ProofClaims {
  const isEmpty = body === undefined || body.length === 0;
  if (isEmpty) return { htm: method, htu: path };
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return { htm: method, htu: path, body: digestOfBytes(bytes) };
}
