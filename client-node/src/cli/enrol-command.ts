import type { Command } from 'commander';
import { systemClock } from '../agent/clock.js';
import { enrol, pendingSentence } from '../agent/enrolment.js';
import { RestClient } from '../agent/transport/rest-client.js';
import { Route } from '../agent/transport/route.js';
import { Consents } from '../egress/consents.js';
import { openGate } from '../egress/open-gate.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { NodeFailure } from '../settings/failure.js';
import { SOFTWARE } from '../settings/software.js';
import { printJson } from './console.js';
import { withHome } from './options.js';
import type { Session } from './session.js';

export function addEnrolCommand(program: Command, session: Session): void {
  withHome(program.command('enrol'))
    .description('take part in a consortium: makes this site’s key here and registers its public half')
    .argument('<url>', 'the server, such as https://consilium.example.org')
    .argument('<code>', "the one-time code from the consortium's operator")
    .option('--json', 'print the answer as JSON')
    .action(async (url: string, code: string, flags: Record<string, unknown>) => {
      const settings = settingsFromProcess({ ...flags, server: url });
      if (settings.server === undefined) throw new NodeFailure('usage', 'expected the URL of a server, got none');
      const home = nodeHome(settings.home);
      const { gate } = await openGate(home, new Consents(home), () => systemClock.now());
      const route = new Route(settings.server, gate, settings);
      session.onClose(() => {
        route.close();
        return Promise.resolve();
      });
      const { enrolment, key } = await enrol({
        home,
        rest: new RestClient(route, systemClock),
        code,
        software: SOFTWARE,
        now: () => systemClock.now(),
      });
      if (flags['json'] === true) printJson({ ...enrolment, fingerprint: key.fingerprint });
      else {
        process.stdout.write(
          `Enrolled as ${enrolment.name} (${enrolment.role}) at ${enrolment.server}; state in ${settings.home}\n` +
            `${pendingSentence(enrolment.name, key.fingerprint)}\n` +
            `Next: consilium-node run --home ${settings.home} --data DIR\n`,
        );
      }
    });
}
