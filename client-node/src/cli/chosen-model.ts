import { join, resolve } from 'node:path';
import { StudyManifest } from '@consilium/shared';
import { systemClock } from '../agent/clock.js';
import { readEnrolment, requireEnrolment } from '../agent/enrolment.js';
import { SiteProofs } from '../agent/identity.js';
import { keyInForce } from '../agent/key-file.js';
import { Journal } from '../agent/journal.js';
import type { Log } from '../agent/log.js';
import { currentRelease, type KeptRelease } from '../agent/release.js';
import { BlobCache } from '../agent/transport/blob-cache.js';
import { RestClient } from '../agent/transport/rest-client.js';
import { Route } from '../agent/transport/route.js';
import { Consents } from '../egress/consents.js';
import { openGate } from '../egress/open-gate.js';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, type NodeHome, type NodeSettings } from '../settings/node-settings.js';
import { readFileIfPresent, readJsonIfPresent } from '../settings/whole-file.js';

export interface ChosenModel {
  path: string;
  study: StudyManifest;
  /** What the user is told was used. */
  name: string;
}

/**
 * A model is used with the study it was made for: patch, spacing and classes belong to it. The one that is named; else the one
 * that the consortium has released; else the newest that this node has trained on.
 */
export async function chooseModel(
  home: NodeHome,
  flags: { model?: string; study?: string },
  released: () => Promise<KeptRelease | undefined>,
): Promise<ChosenModel> {
  const named = flags.model === undefined ? undefined : await namedModel(resolve(flags.model));
  const study = flags.study === undefined ? undefined : await studyFile(resolve(flags.study));
  if (named !== undefined && study !== undefined) return { path: named, study, name: named };
  const own = await ownModel(home, released);
  return { path: named ?? own.path, study: study ?? own.study, name: named ?? own.name };
}

async function ownModel(home: NodeHome, released: () => Promise<KeptRelease | undefined>): Promise<ChosenModel> {
  const kept = await released();
  if (kept !== undefined) {
    const { manifest, model } = kept.release;
    return { path: kept.path, study: manifest, name: `version ${model.version} of "${manifest.name}", as released` };
  }
  const newest = await (await Journal.open(home)).newestModel();
  if (newest === undefined) {
    throw new NodeFailure(
      'usage',
      `${home.root} holds no model yet: run the node until it has one, or give --model FILE and --study FILE`,
    );
  }
  const { manifest, model } = newest;
  const name = `version ${model.version} of "${manifest.name}", which is not released`;
  return { path: join(home.blobs, model.blob.digest), study: manifest, name };
}

/** Asks the server that this node is enrolled at; undefined where it is at none. */
export async function releasedModel(settings: NodeSettings, log: Log): Promise<KeptRelease | undefined> {
  const home = nodeHome(settings.home);
  if ((await readEnrolment(home)) === undefined) return undefined;
  const { enrolment } = await requireEnrolment(home);
  const { gate } = await openGate(home, new Consents(home), () => systemClock.now());
  const route = new Route(settings.server ?? enrolment.server, gate, settings);
  try {
    const rest = new RestClient(route, systemClock, new SiteProofs(keyInForce(home), enrolment, systemClock));
    return await currentRelease(home, rest, new BlobCache(home.released, rest), (sentence) => log.warn(sentence));
  } finally {
    route.close();
  }
}

async function namedModel(path: string): Promise<string> {
  if ((await readFileIfPresent(path)) === undefined)
    throw new NodeFailure('usage', `--model: expected a file, found no ${path}`);
  return path;
}

async function studyFile(path: string): Promise<StudyManifest> {
  const study = await readJsonIfPresent(path, StudyManifest);
  if (study === undefined) throw new NodeFailure('usage', `--study: expected a file, found no ${path}`);
  return study;
}
