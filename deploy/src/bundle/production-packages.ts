import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { relative } from 'node:path';
import { promisify } from 'node:util';

/** A package's folder, where it lies now and where it lies in a bundle's node_modules. */
export interface PlacedPackage {
  readonly from: string;
  readonly to: string;
}

/** Everything that `workspaces` need to run, as npm has installed it; workspaces themselves become packages like any other. */
export async function productionPackages(root: string, workspaces: readonly string[]): Promise<PlacedPackage[]> {
  const chosen = workspaces.flatMap((name) => ['--workspace', name]);
  const { stdout } = await promisify(execFile)('npm', ['ls', '--omit=dev', '--all', '--parseable', ...chosen], {
    cwd: root,
    maxBuffer: 64 << 20,
  });
  const paths = stdout.split('\n').filter((path) => path !== '' && path !== root);
  const packages = paths.map(async (path): Promise<PlacedPackage> => {
    const place = relative(root, path);
    const to = place.startsWith('node_modules/') ? place.slice('node_modules/'.length) : `@consilium/${place}`;
    return { from: await realpath(path), to };
  });
  return (await Promise.all(packages)).sort((a, b) => (a.to < b.to ? -1 : 1));
}
