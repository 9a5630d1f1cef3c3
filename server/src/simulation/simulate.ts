import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorClient } from '@consilium/shared';
import { z } from 'zod';
import { ExitCode, StartRefused } from '../settings/start-refused.js';
import { systemClock } from '../settings/process-context.js';
import { faultOf, FaultScript, readFaultScript } from './fault-script.js';
import { LightFederation, lightStudy, studyEnd } from './federation.js';

/** Milliseconds that light nodes have to connect, all at once. */
const CONNECTING = 60_000;

const SimulateSettings = z.strictObject({
  server: z.url().default('http://127.0.0.1:8400').describe('address of a running server'),
  sites: z.coerce.number().int().min(1).max(1000).default(20),
  rounds: z.coerce.number().int().min(1).max(10_000).default(5),
  width: z.coerce.number().int().min(2).max(64).default(2).describe('channels of the first stage of the network'),
  deadline: z.coerce.number().int().min(1).default(60).describe('seconds'),
  lease: z.coerce.number().int().min(1).default(5).describe('seconds'),
  quorum: z.coerce.number().min(0.01).max(1).default(0.5).describe('share of the sites'),
  faults: z.string().optional().describe('a YAML file'),
  operatorName: z.string().default('operator'),
  operatorPassword: z.string({ error: 'expected CONSILIUM_OPERATOR_PASSWORD, the password of an operator' }),
});
type SimulateSettings = z.output<typeof SimulateSettings>;

/** Flags win over the environment. Throws StartRefused (usage) with one sentence. */
export function readSimulateSettings(environment: NodeJS.ProcessEnv, flags: Record<string, unknown>): SimulateSettings {
  const parsed = SimulateSettings.safeParse({
    operatorName: environment.CONSILIUM_OPERATOR_NAME,
    operatorPassword: environment.CONSILIUM_OPERATOR_PASSWORD,
    ...flags,
  });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new StartRefused(ExitCode.usage, `The simulation's settings are not usable: ${issues.join('; ')}.`);
}

/** Runs a study of its own on a server with many light nodes, and says how its rounds went. */
export async function simulate(settings: SimulateSettings, say: (sentence: string) => void): Promise<void> {
  const script = settings.faults === undefined ? FaultScript.parse({}) : readFaultScript(settings.faults);
  const operator = await OperatorClient.logIn(settings.server, {
    name: settings.operatorName,
    password: settings.operatorPassword,
  });
  const federation = await LightFederation.enrol(
    operator,
    { url: settings.server, clock: systemClock },
    {
      sites: settings.sites,
      faultOf: (site, round) => faultOf(script, site, round),
      onRefused: (site, sentence) => say(`${site} was refused: ${sentence}`),
    },
  );
  const study = await operator.createStudy(
    lightStudy(
      `Simulation ${new Date().toISOString()}`,
      {
        count: settings.rounds,
        minimumSites: Math.ceil(settings.sites * settings.quorum),
        quorum: Math.ceil(settings.sites * settings.quorum),
        deadlineSeconds: settings.deadline,
        leaseSeconds: settings.lease,
      },
      settings.width,
    ),
  );
  federation.start();
  try {
    await allReady(operator, federation, study.id);
    await operator.setStudy(study.id, 'start');
    const started = Date.now();
    await studyEnd(operator, study.id, settings.rounds * (settings.deadline + 30));
    for (const round of await operator.rounds(study.id)) say(roundLine(round));
    say(`${settings.rounds} rounds of ${settings.sites} sites in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  } finally {
    await federation.stop();
    for (const site of federation.sites) await operator.revoke(site.id);
  }
}

/** Else the first round would open with those that came first. */
async function allReady(operator: OperatorClient, { sites }: LightFederation, studyId: string): Promise<void> {
  const until = Date.now() + CONNECTING;
  for (;;) {
    const connected = new Set((await operator.sites()).filter((site) => site.connected).map(({ id }) => id));
    const willing = new Set((await operator.consents(studyId)).map(({ siteId }) => siteId));
    const missing = sites.filter(({ id }) => !connected.has(id) || !willing.has(id));
    if (missing.length === 0) return;
    if (Date.now() > until) {
      const of = `${missing.length} of ${sites.length} light nodes`;
      throw new Error(`simulation: expected all to connect and consent within ${CONNECTING / 1000} s, ${of} have not`);
    }
    await sleep(200);
  }
}

type Round = Awaited<ReturnType<OperatorClient['rounds']>>[number];

function roundLine({ number, state, reason, contributions, result }: Round): string {
  const counts = new Map<string, number>();
  for (const each of contributions) counts.set(each.state, (counts.get(each.state) ?? 0) + 1);
  const sites = [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
  return `round ${number} ${state}: ${sites}${result ? `, model ${result.digest.slice(0, 12)}` : ''}${reason ? `; ${reason}` : ''}`;
}
