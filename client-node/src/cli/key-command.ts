import type { Command } from 'commander';
import { systemClock } from '../agent/clock.js';
import { requireEnrolment } from '../agent/enrolment.js';
import { SiteProofs, type SiteKey } from '../agent/identity.js';
import { rotateKey } from '../agent/key-rotation.js';
import { RestClient } from '../agent/transport/rest-client.js';
import { Route } from '../agent/transport/route.js';
import { Consents } from '../egress/consents.js';
import { openGate } from '../egress/open-gate.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { printJson } from './console.js';
import { withHome } from './options.js';

type Flags = Record<string, unknown>;

export function addKeyCommands(program: Command): void {
  const key = program.command('key').description("the site's key, by which the server knows it");
  withHome(key.command('show'))
    .description('its fingerprint, as the operator sees it')
    .option('--json', 'print it as JSON')
    .action(show);
  withHome(key.command('rotate'))
    .description('put a new key in its place, also while the node runs; interrupted, it is finished by being run again')
    .option('--json', 'print both fingerprints as JSON')
    .action(rotate);
}

async function show(flags: Flags): Promise<void> {
  const { enrolment, key } = await requireEnrolment(nodeHome(settingsFromProcess(flags).home));
  if (flags['json'] === true) printJson({ site: enrolment.name, fingerprint: key.fingerprint });
  else process.stdout.write(`${enrolment.name}: ${key.fingerprint}\n`);
}

async function rotate(flags: Flags): Promise<void> {
  const settings = settingsFromProcess(flags);
  const home = nodeHome(settings.home);
  const { enrolment, key } = await requireEnrolment(home);
  const { gate } = await openGate(home, new Consents(home), () => systemClock.now());
  const route = new Route(settings.server ?? enrolment.server, gate, settings);
  const as = (holder: SiteKey) =>
    new RestClient(route, systemClock, new SiteProofs(() => Promise.resolve(holder), enrolment, systemClock));
  try {
    const next = await rotateKey({ home, site: enrolment, key, as, clock: systemClock });
    const [former, fingerprint] = [key.fingerprint, next.fingerprint];
    if (flags['json'] === true) printJson({ site: enrolment.name, former, fingerprint });
    else process.stdout.write(`${enrolment.name}: ${fingerprint} is in force in place of ${former}\n`);
  } finally {
    route.close();
  }
}
