import { rmdir } from 'node:fs/promises';
import { z } from 'zod';
import { Enrolled } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { ServerUrl, type NodeHome } from '../settings/node-settings.js';
import { readJsonIfPresent, writeWholeFile } from '../settings/whole-file.js';
import type { Clock } from './clock.js';
import { SiteKey } from './identity.js';
import type { Patience } from './patience.js';
import { RequestRefused, type RestClient } from './transport/rest-client.js';

const Enrolment = z.object({ ...Enrolled.shape, server: ServerUrl, enrolledAt: z.iso.datetime() });
export type Enrolment = z.infer<typeof Enrolment>;

export function readEnrolment(home: NodeHome): Promise<Enrolment | undefined> {
  return readJsonIfPresent(home.enrolment, Enrolment);
}

export interface EnrolOptions {
  home: NodeHome;
  rest: Pick<RestClient, 'server' | 'health' | 'enrol'>;
  code: string;
  software: string;
  now: () => number;
}

/** Makes the site's key here and trades the one-time code for a place in the consortium; a refusal leaves nothing behind. */
export async function enrol(options: EnrolOptions): Promise<{ enrolment: Enrolment; key: SiteKey }> {
  const { home, rest } = options;
  const present = await readEnrolment(home);
  if (present !== undefined) {
    throw new NodeFailure(
      'usage',
      `${home.root} is already enrolled as ${present.name} at ${present.server}; give another --home to enrol a second node`,
    );
  }
  await rest.health();
  const former = await SiteKey.load(home.key);
  const key = former ?? (await SiteKey.create(home.key));
  try {
    const enrolled = await rest.enrol({ code: options.code, publicKey: key.publicKey, software: options.software });
    const enrolment: Enrolment = {
      ...enrolled,
      server: rest.server,
      enrolledAt: new Date(options.now()).toISOString(),
    };
    await writeWholeFile(home.enrolment, `${JSON.stringify(enrolment, null, 2)}\n`);
    return { enrolment, key };
  } catch (error) {
    // After a lost answer the key stays: the server may already know it.
    if (former === undefined && error instanceof RequestRefused) {
      await SiteKey.discard(home.key);
      // Only an empty home goes: it was made for the key.
      await rmdir(home.root).catch(() => undefined);
    }
    throw error;
  }
}

export interface ApprovalOptions {
  rest: Pick<RestClient, 'approval'>;
  site: { name: string };
  fingerprint: string;
  pollSeconds: number;
  patience: Pick<Patience, 'ask'>;
  clock: Clock;
  say: (sentence: string) => void;
}

/** Until the operator has approved this site's key: all that a node may ask before. Rejects where it has been revoked. */
export async function awaitApproval(options: ApprovalOptions, signal: AbortSignal): Promise<void> {
  for (let hasSaid = false; ; hasSaid = true) {
    const { state } = await options.patience.ask(() => options.rest.approval(signal), signal);
    if (state === 'enrolled') return;
    if (!hasSaid) options.say(pendingSentence(options.site.name, options.fingerprint));
    await options.clock.sleep(options.pollSeconds * 1000, signal);
  }
}

export function pendingSentence(name: string, fingerprint: string): string {
  return `${name} waits for the operator's approval: read the fingerprint ${fingerprint} to the operator over the telephone`;
}

export async function requireEnrolment(home: NodeHome): Promise<{ enrolment: Enrolment; key: SiteKey }> {
  const [enrolment, key] = await Promise.all([readEnrolment(home), SiteKey.load(home.key)]);
  if (enrolment === undefined || key === undefined) {
    throw new NodeFailure(
      'refused',
      `${home.root}: expected an enrolled node, got none; ask the consortium's operator for a code and run "consilium-node enrol URL CODE"`,
    );
  }
  return { enrolment, key };
}
