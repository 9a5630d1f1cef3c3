import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { readEnrolment } from '../agent/enrolment.js';
import { diagnose } from '../engine/doctor.js';
import { renderReport, type DoctorReport } from '../engine/doctor-report.js';
import { NodeFailure, type FailureKind } from '../settings/failure.js';
import { childEnvironment, nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { engineSettingsOf } from '../settings/trainer-environment.js';
import { printJson } from './console.js';
import { withHome } from './options.js';

export function addDoctorCommand(program: Command): void {
  withHome(program.command('doctor'))
    .description('look at everything a node needs: engine, gradient, speed, disk, clock and server')
    .option('--server <url>', 'the server to look at (default: where this node enrolled)')
    .option('--threads <n>', 'threads of the engine (default: every core)')
    .option('--json', 'print the answer as JSON')
    .action(async (flags: Record<string, unknown>) => {
      const settings = settingsFromProcess(flags);
      const server = settings.server ?? (await readEnrolment(nodeHome(settings.home)))?.server;
      const report = await diagnose({
        settings: engineSettingsOf(settings),
        environment: childEnvironment({}),
        folder: nearestFolder(settings.home),
        server,
      });
      if (flags['json'] === true) printJson(report);
      else process.stdout.write(`${renderReport(report)}\n`);
      failOn(report);
    });
}

/** A home that is not there yet will be made on the disk of its nearest parent. */
function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

const KINDS: Readonly<Record<string, FailureKind>> = {
  server: 'server-unreachable',
  clock: 'refused',
  disk: 'disk-full',
};

function failOn({ items }: DoctorReport): void {
  const failed = items.filter(({ status }) => status === 'fail');
  const first = failed.at(0);
  if (first === undefined) return;
  throw new NodeFailure(
    KINDS[first.name] ?? 'engine-unavailable',
    `doctor: this node cannot work as it is (${failed.map(({ name }) => name).join(', ')})`,
  );
}
