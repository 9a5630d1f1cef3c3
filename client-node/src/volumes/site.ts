import { NodeFailure } from '../settings/failure.js';
import { cachedCase, cachedReport, cacheKey, storeCase, storeReport } from './case-cache.js';
import { resampledShape, resampleImage, resampleLabel } from './resampling.js';
import { listSite, type CaseFiles } from './site-folder.js';
import { checkVolume, type Expectations, type VolumeReport } from './volume-check.js';
import { asLabelMap, readVolume } from './volume-file.js';
import { times, type Case, type Triple, VolumeError } from './volume.js';

export interface DataCheck {
  readonly directory: string;
  readonly volumes: readonly VolumeReport[];
  /** About the folder itself. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  /** Usable volumes, and those that were left out. */
  readonly labelled: number;
  readonly unlabelled: number;
  readonly validation: number;
  readonly leftOut: number;
}

export interface SiteEntry {
  readonly name: string;
  readonly image: string;
  readonly label: string | null;
}

/** Usable volumes only. */
export interface Site {
  readonly directory: string;
  readonly labelled: readonly SiteEntry[];
  readonly unlabelled: readonly SiteEntry[];
  readonly validation: readonly SiteEntry[];
  readonly check: DataCheck;
  /** Of the other folder that validation volumes were taken from. */
  readonly validationCheck: DataCheck | null;
}

export interface CheckOptions {
  /** Where findings about unchanged files are kept from one start to the next. */
  readonly cacheDir?: string | undefined;
  readonly onVolume?: ((report: VolumeReport, done: number, total: number) => void) | undefined;
}

/** Reads every volume of a site, one at a time. Never throws for what is in the folder. */
export async function checkSite(
  directory: string,
  expected: Expectations = {},
  options: CheckOptions = {},
): Promise<DataCheck> {
  return (await inspect(directory, expected, options)).check;
}

interface Inspected {
  readonly check: DataCheck;
  readonly usable: readonly CaseFiles[];
}

async function inspect(directory: string, expected: Expectations, options: CheckOptions): Promise<Inspected> {
  const folder = await listSite(directory);
  const volumes: VolumeReport[] = [];
  const usable: CaseFiles[] = [];
  for (const files of folder.cases) {
    const report = await reportOn(files, expected, options.cacheDir);
    volumes.push(report);
    if (report.problems.length === 0) usable.push(files);
    options.onVolume?.(report, volumes.length, folder.cases.length);
  }
  const training = usable.filter(({ split }) => split === 'training');
  const labelled = training.filter(({ label }) => label !== null).length;
  const check: DataCheck = {
    directory,
    volumes,
    problems: folder.problems,
    notes: folder.notes,
    labelled,
    unlabelled: training.length - labelled,
    validation: usable.length - training.length,
    leftOut: volumes.length - usable.length,
  };
  return { check, usable };
}

async function reportOn(files: CaseFiles, expected: Expectations, cacheDir: string | undefined): Promise<VolumeReport> {
  if (cacheDir === undefined || files.image === null) return checkVolume(files, expected);
  const { classes, spacing, patch } = expected;
  const paths = [files.image, ...(files.label === null ? [] : [files.label])];
  const key = await cacheKey(paths, files, classes, spacing, patch).catch(() => null);
  if (key === null) return checkVolume(files, expected);
  // Written by this version of the node under a key that only it makes.
  const known = (await cachedReport(cacheDir, key)) as VolumeReport | null;
  if (known !== null) return known;
  const report = await checkVolume(files, expected);
  await storeReport(cacheDir, key, report).catch(() => undefined);
  return report;
}

export interface OpenSiteOptions extends CheckOptions {
  /** Another site folder whose labelled volumes are the validation volumes, in place of the folder's own. */
  readonly validationDir?: string | undefined;
}

/** What a study can use of a site's folder. A folder with nothing usable is a failure that says why. */
export async function openSite(directory: string, study: Expectations, options: OpenSiteOptions = {}): Promise<Site> {
  const own = await inspect(directory, study, options);
  const other = options.validationDir === undefined ? null : await inspect(options.validationDir, study, options);
  const measured =
    other?.usable.filter(({ label }) => label !== null) ?? own.usable.filter(({ split }) => split === 'validation');
  const training = own.usable.filter(({ split }) => split === 'training').map(entryOf);
  if (training.length + measured.length === 0) throw new NodeFailure('bad-data', whyNothing(own.check));
  return {
    directory,
    labelled: training.filter(({ label }) => label !== null),
    unlabelled: training.filter(({ label }) => label === null),
    validation: measured.map(entryOf),
    check: own.check,
    validationCheck: other?.check ?? null,
  };
}

function whyNothing(check: DataCheck): string {
  const first = check.volumes.find(({ problems }) => problems.length > 0);
  if (check.problems.length > 0) return check.problems[0];
  return `${check.directory}: expected a usable volume, and left out all ${check.leftOut}, first ${first?.name}: ${first?.problems[0]}`;
}

function entryOf({ name, image, label }: CaseFiles): SiteEntry {
  if (image === null) throw new Error(`case ${name}: a case without an image counted as usable`);
  return { name, image, label };
}

/**
 * One case in RAS on the study's spacing (mm), kept in `cacheDir` where one is given. Also for a lone image:
 * `{ name, image: path, label: null }`. A file that cannot be used is a failure that names it.
 */
export async function loadCase(entry: SiteEntry, spacing: Triple, cacheDir?: string): Promise<Case> {
  try {
    return cacheDir === undefined ? await resampledCase(entry, spacing) : await throughCache(entry, spacing, cacheDir);
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    throw new NodeFailure('bad-data', `${entry.image}: ${error.message}`, { cause: error });
  }
}

/** Changes when one of the case's files does, or the spacing; null where a file cannot be looked at. */
export async function caseKey({ name, image, label }: SiteEntry, spacing: Triple): Promise<string | null> {
  return cacheKey(label === null ? [image] : [image, label], name, spacing).catch(() => null);
}

async function throughCache(entry: SiteEntry, spacing: Triple, cacheDir: string): Promise<Case> {
  const key = await caseKey(entry, spacing);
  if (key === null) return resampledCase(entry, spacing);
  const known = await cachedCase(cacheDir, key);
  if (known !== null) return known;
  const loaded = await resampledCase(entry, spacing);
  // A full or read-only disk costs time, not the training.
  await storeCase(cacheDir, key, loaded).catch(() => undefined);
  return loaded;
}

async function resampledCase({ name, image, label }: SiteEntry, target: Triple): Promise<Case> {
  const volume = await readVolume(image);
  const spacing = volume.spacing ?? target;
  const map = label === null ? null : await labelOn(volume.shape, label);
  return {
    name,
    image: resampleImage(volume.image, volume.shape, spacing, target),
    label: map === null ? null : resampleLabel(map, volume.shape, spacing, target),
    shape: resampledShape(volume.shape, spacing, target),
    spacing: target,
    native: volume.geometry,
  };
}

async function labelOn(shape: Triple, path: string): Promise<Uint8Array> {
  const label = await readVolume(path, 'label');
  if (label.shape.some((side, axis) => side !== shape[axis])) {
    const sentence = `its label has ${times(label.shape)} voxels, expected the image's ${times(shape)}`;
    throw new VolumeError('not-a-label-map', sentence);
  }
  return asLabelMap(label.image);
}
