import { cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { productionPackages } from './production-packages.js';
import type { Role } from './roles.js';

/** What set-up has added to the packages: TensorFlow's libraries and the addon. */
const ENGINE_PACKAGES = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'];
const ENGINE_PARTS = ['deps', 'lib'];
/** What only compilers and debuggers read. */
const UNNEEDED = /\.(d\.ts|d\.mts|d\.cts|map|tsbuildinfo)$|\.spec\.js$/;

/** Lays out in `folder` all that `role` needs on a machine that has nothing: programs, their packages, Node itself. */
export async function assemble(root: string, role: Role, folder: string): Promise<void> {
  const modules = join(folder, 'app', 'node_modules');
  await mkdir(modules, { recursive: true });
  const scope = join(modules, '@consilium');
  for (const { from, to } of await productionPackages(root, role.workspaces))
    await copyPackage(from, join(modules, to));
  for (const name of role.files) await cp(join(root, name, 'dist'), join(scope, name, 'dist'), { recursive: true });
  if (role.engine) await copyEngine(root, modules);
  await writeFile(join(folder, 'app', 'package.json'), '{ "private": true }\n');
  await mkdir(join(folder, 'runtime'), { recursive: true });
  await cp(process.execPath, join(folder, 'runtime', 'node'), { dereference: true });
  await mkdir(join(folder, 'bin'), { recursive: true });
  for (const [command, program] of Object.entries(role.commands)) {
    await writeFile(join(folder, 'bin', command), launcher(`app/node_modules/@consilium/${program}`), { mode: 0o755 });
  }
  for (const extra of [...role.extras, 'LICENSE'])
    await cp(join(root, extra), join(folder, basename(extra)), { recursive: true }).catch(missing(extra));
}

/** Without the packages below it, which npm lists by themselves, and without a workspace's sources. */
async function copyPackage(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (source) => {
      const place = relative(from, source);
      if (place === '') return true;
      const [first] = place.split('/');
      return first !== 'node_modules' && !isSource(from, first) && !isEngine(to, first) && !UNNEEDED.test(place);
    },
  });
}

const WORKSPACE_PARTS = ['package.json', 'dist'];

function isSource(from: string, first: string): boolean {
  return !from.includes('/node_modules/') && !WORKSPACE_PARTS.includes(first);
}

function isEngine(to: string, first: string): boolean {
  return ENGINE_PACKAGES.some((name) => to.endsWith(`/${name}`)) && ENGINE_PARTS.includes(first);
}

/** Most set-ups link both packages to the same libraries, of which a bundle needs one copy. */
async function copyEngine(root: string, modules: string): Promise<void> {
  const copied = new Map<string, string>();
  for (const name of ENGINE_PACKAGES) {
    for (const part of ENGINE_PARTS) {
      const from = await realpath(join(root, 'node_modules', name, part));
      const to = join(modules, name, part);
      const earlier = copied.get(from);
      if (earlier !== undefined) await symlink(relative(dirname(to), earlier), to);
      else await cp(from, to, { recursive: true, dereference: true });
      copied.set(from, to);
    }
  }
}

function launcher(program: string): string {
  return `#!/bin/sh
# Runs with this bundle's own Node, from wherever the bundle has been unpacked.
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
exec "$here/runtime/node" "$here/${program}" "$@"
`;
}

function missing(what: string): (cause: unknown) => never {
  return (cause) => {
    throw new Error(`bundle: expected ${what} in the repository`, { cause });
  };
}
