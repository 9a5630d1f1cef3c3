import { resolve } from 'node:path';
import { StudyManifest } from '@consilium/shared';
import { Journal } from '../agent/journal.js';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, type NodeSettings } from '../settings/node-settings.js';
import { readFileIfPresent, readJsonIfPresent } from '../settings/whole-file.js';
import { join } from 'node:path';

export interface ChosenModel {
  path: string;
  study: StudyManifest;
  /** What the user is told was used. */
  name: string;
}

/** A model is used with the study it was made for: patch, spacing and classes belong to it. */
export async function chooseModel(
  settings: NodeSettings,
  flags: { model?: string; study?: string },
): Promise<ChosenModel> {
  const home = nodeHome(settings.home);
  const newest = await (await Journal.open(home)).newestModel();
  const study = flags.study === undefined ? newest?.manifest : await studyFile(resolve(flags.study));
  if (study === undefined) {
    throw new NodeFailure(
      'usage',
      `${home.root} holds no model yet: run the node until it has one, or give --model FILE and --study FILE`,
    );
  }
  if (flags.model !== undefined) {
    const path = resolve(flags.model);
    if ((await readFileIfPresent(path)) === undefined)
      throw new NodeFailure('usage', `--model: expected a file, found no ${path}`);
    return { path, study, name: path };
  }
  if (newest === undefined) throw new NodeFailure('usage', `${home.root} holds no model yet: give --model FILE`);
  const { version, blob } = newest.model;
  return { path: join(home.blobs, blob.digest), study, name: `version ${version} of "${newest.manifest.name}"` };
}

async function studyFile(path: string): Promise<StudyManifest> {
  const study = await readJsonIfPresent(path, StudyManifest);
  if (study === undefined) throw new NodeFailure('usage', `--study: expected a file, found no ${path}`);
  return study;
}
