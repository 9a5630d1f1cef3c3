import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { assemble } from './assemble.js';
import { ROLES, type Role } from './roles.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const LAUNCHED_FROM = process.env['INIT_CWD'] ?? process.cwd();
const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

interface Bundled {
  role: string;
  file: string;
  bytes: number;
  digest: string;
}

/** One archive, and its SHA-256 beside it in the form that `sha256sum --check` reads. */
async function bundle(role: Role, out: string): Promise<Bundled> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')));
  const name = `consilium-${role.name}-${version}-${process.platform}-${process.arch}`;
  const work = await mkdtemp(join(tmpdir(), 'consilium-bundle-'));
  try {
    say(`${name}: gathering programs and packages.`);
    await assemble(ROOT, role, join(work, name));
    const file = join(out, `${name}.tar.gz`);
    say(`${name}: packing.`);
    await mkdir(out, { recursive: true });
    const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner'];
    await promisify(execFile)('tar', ['-czf', file, ...reproducible, '-C', work, name]);
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    const digest = hash.digest('hex');
    await writeFile(`${file}.sha256`, `${digest}  ${name}.tar.gz\n`);
    return { role: role.name, file, bytes: (await stat(file)).size, digest };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const names = ROLES.map(({ name }) => name);
const program = new Command('npm run bundle --')
  .description('One archive for each role, with everything inside: for machines without a network.')
  .addOption(new Option('--role <role>', 'only this one').choices(names))
  .option('--out <folder>', 'where the archives are written', 'bundles')
  .option('--json', 'print what was written as JSON')
  .parse();
const { role, out, json } = program.opts<{ role?: string; out: string; json?: boolean }>();
const made: Bundled[] = [];
for (const one of ROLES) {
  if (role === undefined || role === one.name) made.push(await bundle(one, resolve(LAUNCHED_FROM, out)));
}
if (json === true) process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
else for (const { file, bytes } of made) process.stdout.write(`${file} (${(bytes / 1e6).toFixed(0)} MB)\n`);
