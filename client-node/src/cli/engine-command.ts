import type { Command } from 'commander';
import { lineReporter } from '../engine/setup/setup-reporter.js';
import { setUpEngine } from '../engine/setup/set-up-engine.js';
import { NodeFailure } from '../settings/failure.js';
import { childEnvironment, settingsFromProcess } from '../settings/node-settings.js';
import { engineSettingsOf } from '../settings/trainer-environment.js';
import { printJson } from './console.js';
import type { Session } from './session.js';

export function addEngineCommands(program: Command, session: Session): void {
  program
    .command('engine')
    .description('the library that computes')
    .command('setup')
    .description('see to it that this machine has the native engine: finds, downloads or builds it')
    .option('--json', 'print the answer as JSON')
    .action(async (flags: { json?: boolean }) => {
      const setup = await setUpEngine({
        settings: engineSettingsOf(settingsFromProcess({})),
        reporter: lineReporter((line) => process.stderr.write(`${line}\n`), ''),
        environment: childEnvironment({}),
        signal: session.signal,
      });
      if (flags.json === true) printJson(setup);
      if (setup.kind === 'javascript') {
        const kind = setup.problem === 'disk-full' ? 'disk-full' : 'engine-unavailable';
        throw new NodeFailure(kind, `engine setup: ${setup.reason}`);
      }
      if (flags.json !== true) {
        const device = setup.gpu ? 'GPU' : 'CPU';
        process.stdout.write(`Native engine, TensorFlow ${setup.tensorflow} on the ${device} (${setup.directory})\n`);
      }
    });
}
