import { readFileSync } from 'node:fs';
import { Random, SiteName } from '@consilium/shared';
import { parse } from 'yaml';
import { z } from 'zod';
import { ExitCode, StartRefused } from '../settings/start-refused.js';

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

/** Written in YAML: a seed for what is drawn, and the faults; of several for one site in one round the first holds. */
export const FaultScript = z.strictObject({
  seed: z.int().min(0).default(0),
  faults: z.array(Fault).max(10_000).default([]),
});
export type FaultScript = z.infer<typeof FaultScript>;

/** Throws StartRefused (usage) with one sentence that says where the file is wrong. */
export function readFaultScript(file: string): FaultScript {
  const parsed = FaultScript.safeParse(readYaml(file) ?? {});
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw unusable(file, path.length === 0 ? message : `${path.join('.')}: ${message}`);
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The parser's further lines show the place with a mark beneath it.
    throw unusable(file, error.message.split('\n')[0].replace(/:$/, ''));
  }
}

function unusable(file: string, what: string): StartRefused {
  return new StartRefused(ExitCode.usage, `The fault script ${file}: ${what}.`);
}

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
