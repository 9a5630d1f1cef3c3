import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writePhantomSite } from '@consilium/client-node';
import { z } from 'zod';

export interface DemoSite {
  name: string;
  role: 'trainer' | 'observer';
  data: string;
}

export class FederationError extends Error {}

const FederationFile = z.object({ sites: z.array(z.object({ name: z.string() })).min(1) });

/** A folder with one site folder (`images/`, `labels/`) per hospital; `test/`, if there, is measured and never trained on. */
export function readFederation(directory: string, wanted: number | undefined): DemoSite[] {
  if (!existsSync(directory) || !statSync(directory).isDirectory())
    throw new FederationError(
      `--data: expected a folder with one site folder per hospital, got ${directory}, which is none`,
    );
  const names = trainerNames(directory);
  if (names.length === 0)
    throw new FederationError(`--data: expected site folders that hold images/ in ${directory}, found none`);
  if (wanted !== undefined && wanted > names.length)
    throw new FederationError(
      `--sites: expected at most ${names.length}, the site folders in ${directory}, got ${wanted}`,
    );
  const trainers = names
    .slice(0, wanted)
    .map((name): DemoSite => ({ name, role: 'trainer', data: join(directory, name) }));
  const test = join(directory, 'test');
  return hasImages(test) ? [...trainers, { name: 'test', role: 'observer', data: test }] : trainers;
}

function trainerNames(directory: string): string[] {
  const file = join(directory, 'federation.json');
  const listed = existsSync(file)
    ? FederationFile.parse(JSON.parse(readFileSync(file, 'utf8'))).sites.map((site) => site.name)
    : readdirSync(directory).sort();
  return listed.filter((name) => name !== 'test' && hasImages(join(directory, name)));
}

function hasImages(site: string): boolean {
  return existsSync(join(site, 'images'));
}

const HOSPITALS = ['north', 'east', 'south', 'west', 'centre', 'harbour', 'valley', 'hill'];
/** Labelled volumes per site, as uneven as real consortia are: the fourth and every later even site has none. */
const LABELLED = [4, 2, 2, 0, 2, 0, 2, 0];

/** Generated hospitals under `directory`, written once; the same seed gives the same volumes. */
export async function writePhantomFederation(directory: string, sites: number, seed: number): Promise<DemoSite[]> {
  if (sites < 1 || sites > HOSPITALS.length)
    throw new FederationError(`--sites: expected 1 to ${HOSPITALS.length} generated hospitals, got ${sites}`);
  const federation: DemoSite[] = [];
  for (const [index, name] of HOSPITALS.slice(0, sites).entries()) {
    const data = join(directory, name);
    federation.push({ name, role: 'trainer', data });
    if (existsSync(data)) continue;
    const unfinished = `${data}.part`;
    rmSync(unfinished, { recursive: true, force: true });
    await writePhantomSite(unfinished, {
      site: name,
      seed,
      labelled: LABELLED[index],
      unlabelled: 4,
      validation: 2,
      shape: [64, 64, 48],
      spacing: [1.5, 1.5, 1.5],
      classes: 2,
    });
    renameSync(unfinished, data);
  }
  return federation;
}

/** Names the demo's state folder: another data set, site count or seed is another federation. */
export function federationKey(data: string | undefined, sites: number | undefined, seed: number): string {
  return [data === undefined ? 'phantoms' : basename(data), sites ?? 'all', `seed${seed}`].join('-');
}
