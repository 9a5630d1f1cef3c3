import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { caseName, carriesLabel, isHdf5 } from './volume-file.js';

export type Split = 'training' | 'validation';

/** One case as its files lie in a site's folder; nothing has been read but names. */
export interface CaseFiles {
  readonly name: string;
  readonly split: Split;
  /** Absolute path; null for a label without its image. */
  readonly image: string | null;
  /** Absolute path; the image's own where an HDF5 file holds both; null for an unlabelled case. */
  readonly label: string | null;
  /** What is wrong with the files before any is read. */
  readonly problems: readonly string[];
}

export interface SiteFolder {
  readonly directory: string;
  readonly cases: readonly CaseFiles[];
  /** About the folder itself. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

interface Findings {
  readonly problems: string[];
  readonly notes: string[];
}

/**
 * `images/` and `labels/` (same names), optionally `validation/images` and `validation/labels`; or, as the LA and
 * Pancreas benchmarks come, HDF5 files in the folder itself or one folder down, label inside.
 */
export async function listSite(directory: string): Promise<SiteFolder> {
  const found: Findings = { problems: [], notes: [] };
  if (!(await isFolder(directory))) {
    return { directory, cases: [], problems: [`${directory}: expected a folder with images/, found none`], notes: [] };
  }
  const training = await listSplit(directory, directory, 'training', found);
  const validation = await listSplit(directory, join(directory, 'validation'), 'validation', found);
  if (training.length + validation.length === 0) {
    found.problems.push(`${directory}: expected volumes (.nii, .nii.gz or .h5) in images/, found none`);
  }
  return { directory, cases: [...training, ...validation], ...found };
}

/** The files of one case, by its name; undefined where the folder has none. */
export async function findCase(directory: string, name: string): Promise<CaseFiles | undefined> {
  return (await listSite(directory)).cases.find((one) => one.name === name);
}

async function listSplit(root: string, folder: string, split: Split, found: Findings): Promise<CaseFiles[]> {
  if (await isFolder(join(folder, 'images'))) return listPairs(root, folder, split, found);
  const labels = await isFolder(join(folder, 'labels'));
  if (labels) found.problems.push(`${relative(root, folder) || '.'}: expected images/ beside labels/, found none`);
  return labels ? listPairs(root, folder, split, found) : listBenchmark(folder, split);
}

async function listPairs(root: string, folder: string, split: Split, found: Findings): Promise<CaseFiles[]> {
  const images = await volumesIn(root, join(folder, 'images'), found);
  const labels = await volumesIn(root, join(folder, 'labels'), found);
  const cases: CaseFiles[] = [];
  for (const name of [...new Set([...images.keys(), ...labels.keys()])].sort()) {
    cases.push(await pair(name, split, images.get(name) ?? [], labels.get(name) ?? []));
  }
  return cases;
}

async function pair(name: string, split: Split, images: string[], labels: string[]): Promise<CaseFiles> {
  const problems: string[] = [];
  if (images.length === 0) problems.push('a label without an image of the same name');
  if (images.length > 1) problems.push(`expected one image of this name, found ${images.length}`);
  if (labels.length > 1) problems.push(`expected one label of this name, found ${labels.length}`);
  const image = images.at(0) ?? null;
  const label = labels.at(0) ?? (image !== null && (await holdsLabel(image)) ? image : null);
  return { name, split, image, label, problems };
}

/** A file that cannot be opened is found out, and named, when it is checked. */
async function holdsLabel(path: string): Promise<boolean> {
  return carriesLabel(path).catch(() => false);
}

async function listBenchmark(folder: string, split: Split): Promise<CaseFiles[]> {
  const cases: CaseFiles[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry);
    if (isHdf5(entry)) {
      cases.push(await pair(caseName(entry) ?? entry, split, [path], []));
    } else if (!['validation', 'images', 'labels'].includes(entry) && (await isFolder(path))) {
      const inside = (await entriesOf(path)).filter((file) => isHdf5(file));
      for (const file of inside) {
        const name = inside.length === 1 ? entry : `${entry}-${caseName(file) ?? file}`;
        cases.push(await pair(name, split, [join(path, file)], []));
      }
    }
  }
  return cases;
}

async function volumesIn(root: string, folder: string, found: Findings): Promise<Map<string, string[]>> {
  const byName = new Map<string, string[]>();
  for (const file of await entriesOf(folder)) {
    const path = join(folder, file);
    const name = caseName(file);
    if (name === null) {
      if (!/^readme/i.test(file))
        found.notes.push(`${relative(root, path)}: left aside, expected .nii, .nii.gz or .h5`);
      continue;
    }
    byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  return byName;
}

/** Sorted; without hidden files. Nothing where the folder is missing. */
async function entriesOf(folder: string): Promise<string[]> {
  if (!(await isFolder(folder))) return [];
  return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
