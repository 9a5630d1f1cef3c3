import fs from 'node:fs/promises';
import path from 'node:path';
import type { TfjsPackage } from './tfjs-package.js';

/** True where somebody else installed the package with its own libraries; such an engine is theirs and is left alone. */
export async function hasOwnLibraries(tfjs: TfjsPackage): Promise<boolean> {
  const deps = await fs.lstat(path.join(tfjs.directory, 'deps')).catch(() => null);
  const addon = await fs.lstat(path.join(tfjs.directory, tfjs.addonFile)).catch(() => null);
  return deps?.isDirectory() === true && addon?.isFile() === true;
}

/** Makes the package use the engine in `entry`. Links only: cheap, and needed again after each installation. */
export async function linkPackage(tfjs: TfjsPackage, entry: string): Promise<boolean> {
  const addon = await replaceWithLink(path.join(tfjs.directory, tfjs.addonFile), path.join(entry, tfjs.addonFile));
  const libraries = await replaceWithLink(path.join(tfjs.directory, 'deps'), path.join(entry, 'deps'));
  return addon || libraries;
}

/** A process that is loading the old file keeps it: the name changes its meaning in one step. */
async function replaceWithLink(link: string, target: string): Promise<boolean> {
  if ((await fs.readlink(link).catch(() => null)) === target) return false;
  await fs.mkdir(path.dirname(link), { recursive: true });
  const fresh = `${link}.${String(process.pid)}.new`;
  await fs.rm(fresh, { force: true });
  await fs.symlink(target, fresh);
  const existing = await fs.lstat(link).catch(() => null);
  if (existing?.isDirectory() === true) {
    const aside = `${link}.${String(process.pid)}.old`;
    await fs.rename(link, aside);
    await fs.rename(fresh, link);
    await fs.rm(aside, { recursive: true, force: true });
  } else {
    await fs.rename(fresh, link);
  }
  return true;
}
