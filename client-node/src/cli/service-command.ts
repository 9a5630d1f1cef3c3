import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { unitText, type Service } from '../service/unit.js';
import { asFileFailure, NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess } from '../settings/node-settings.js';
import { writeWholeFile } from '../settings/whole-file.js';
import { printJson } from './console.js';
import { withHome } from './options.js';

interface Flags {
  home?: string;
  data?: string;
  cache?: string;
  print?: boolean;
  json?: boolean;
}

const NAME = 'consilium-node.service';

export function addServiceCommands(program: Command): void {
  const service = program
    .command('service')
    .description(
      'keep the node running with systemd: as root for the machine, as the user who owns the home; else for you',
    );
  withHome(service.command('install'))
    .description('write a systemd unit that runs this very program, and say how it is started')
    .option('--data <dir>', "the site's folder: images/ and labels/")
    .option('--cache <dir>', 'resampled volumes (default: cache/ of the home)')
    .option('--print', 'print the unit, and write nothing')
    .option('--json', 'print what was written as JSON')
    .action(install);
  service.command('uninstall').description('remove the unit; home and key stay').action(uninstall);
}

async function install(flags: Flags): Promise<void> {
  const { print, json, ...given } = flags;
  const settings = settingsFromProcess({ ...given });
  if (settings.data === undefined) throw new NodeFailure('usage', 'service install: expected --data DIR, got none');
  const home = resolve(settings.home);
  const { uid, gid } = await ownerOf(home);
  const cache = flags.cache === undefined ? [] : [resolve(flags.cache)];
  const { scope, file, systemctl } = placeOf();
  const text = unitText({
    scope,
    command: [
      ...[process.execPath, process.argv[1], 'run', '--home', home, '--data', resolve(settings.data)],
      ...cache.flatMap((folder) => ['--cache', folder]),
    ],
    home,
    writes: cache,
    user: String(uid),
    group: String(gid),
  });
  if (print === true) {
    process.stdout.write(text);
    return;
  }
  await writeWholeFile(file, text);
  const next = [`${systemctl} daemon-reload`, `${systemctl} enable --now consilium-node`];
  if (scope === 'user') next.push(`loginctl enable-linger ${userInfo().username}`);
  if (json === true) printJson({ file, scope, next });
  else process.stdout.write(`${file} was written. Next:\n${next.map((line) => `  ${line}\n`).join('')}`);
}

/** Throws NodeFailure where there is no enrolled node, or one of root's: it reads files that others wrote. */
async function ownerOf(home: string): Promise<{ uid: number; gid: number }> {
  const key = await stat(nodeHome(home).key).catch(() => undefined);
  if (key === undefined)
    throw new NodeFailure('refused', `service install: expected an enrolled node in ${home}: enrol it first`);
  if (key.uid !== 0) return key;
  throw new NodeFailure('usage', `service install: expected ${home} to belong to a user of its own, got root's`);
}

async function uninstall(): Promise<void> {
  const { file, systemctl } = placeOf();
  if (!existsSync(file)) throw new NodeFailure('usage', `service uninstall: expected ${file}, which is not there`);
  await rm(file).catch((error: unknown) => {
    throw asFileFailure(error, `removing ${file}`);
  });
  process.stdout.write(`${file} was removed. Next:\n  ${systemctl} disable --now consilium-node\n`);
}

function placeOf(): { scope: Service['scope']; file: string; systemctl: string } {
  if (process.getuid?.() === 0)
    return { scope: 'system', file: join('/etc/systemd/system', NAME), systemctl: 'systemctl' };
  return {
    scope: 'user',
    file: join(homedir(), '.config/systemd/user', NAME),
    systemctl: 'systemctl --user',
  };
}
