import { Random, SiteName } from '@consilium/shared';
import { z } from 'zod';

/**
 * What a site does wrong: `absent` says nothing in this round, `stall` repeats its first report until the round is over,
 * `slow` takes `seconds` and reports on the way, `leave` goes as soon as it has submitted, `nan` sends a spoiled model and
 * then the right one, `twice` submits again after the answer.
 */
export const FaultKind = z.enum(['absent', 'stall', 'slow', 'leave', 'nan', 'twice']);
export type FaultKind = z.infer<typeof FaultKind>;

const Fault = z.strictObject({
  round: z.int().min(1),
  sites: z
    .union([z.array(SiteName), z.number().min(0).max(1)])
    .describe('names, or the share of all sites that is drawn for it'),
  fault: FaultKind,
  seconds: z.number().min(0).max(3600).default(0).describe('how long a slow site takes'),
});

/** Read from JSON: `{"seed": 1, "faults": [{"round": 2, "sites": 0.1, "fault": "stall"}]}`. */
export const FaultScript = z.strictObject({ seed: z.int().min(0).default(0), faults: z.array(Fault).default([]) });
export type FaultScript = z.infer<typeof FaultScript>;

export interface DueFault {
  kind: FaultKind;
  seconds: number;
}

/** The fault of this site in this round; the same script gives the same faults. */
export function faultOf(script: FaultScript, site: string, round: number): DueFault | null {
  const due = script.faults.find((fault, index) => {
    if (fault.round !== round) return false;
    if (typeof fault.sites !== 'number') return fault.sites.includes(site);
    return Random.from(script.seed, 'fault', index, site).uniform() < fault.sites;
  });
  return due ? { kind: due.fault, seconds: due.seconds } : null;
}
