import { mkdir } from 'node:fs/promises';
import { existsSync, statSync, watch } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { lock } from 'proper-lockfile';
import { Agent } from '../agent/agent.js';
import { systemClock } from '../agent/clock.js';
import { requireEnrolment } from '../agent/enrolment.js';
import { SiteProofs } from '../agent/identity.js';
import { keyInForce } from '../agent/key-file.js';
import { Journal } from '../agent/journal.js';
import { ProgressFile } from '../agent/progress-file.js';
import type { NodeState, NodeStateMessage } from '../agent/report.js';
import { StudyOffers } from '../agent/study-offers.js';
import { BlobCache } from '../agent/transport/blob-cache.js';
import { ControlSocket } from '../agent/transport/control-socket.js';
import { RestClient } from '../agent/transport/rest-client.js';
import { Route } from '../agent/transport/route.js';
import { Witness } from '../agent/witness.js';
import { Consents } from '../egress/consents.js';
import { openGate } from '../egress/open-gate.js';
import { ScalarLog } from '../scalars/scalar-log.js';
import { NodeFailure, systemCode } from '../settings/failure.js';
import { nodeHome, settingsFromProcess, type NodeHome, type NodeSettings } from '../settings/node-settings.js';
import { startTrainer } from './compute.js';
import { createLog, StatusLine, StatusLog } from './console.js';
import { withEngine, withHome } from './options.js';
import type { Session } from './session.js';
import { statusLine, statusSentence } from './status-text.js';

export function addRunCommand(program: Command, session: Session): void {
  withEngine(withHome(program.command('run')))
    .description('wait for rounds, train on this site’s volumes and send updates; runs until it is stopped')
    .option('--data <dir>', "the site's folder: images/ and labels/, optionally validation/")
    .option('--validation <dir>', 'labelled volumes that models are measured on (default: validation/ of the data)')
    .option('--server <url>', 'where the server is now, if not where this node enrolled')
    .option('--seed <n>', 'seed of all random choices (default 0)')
    .option('--poll-seconds <n>', 'how often to ask for work should a wake-up be lost (default 30)')
    .option('--checkpoint-seconds <n>', 'at most this much training is lost when the node dies (default 30)')
    .option('--data-workers <n>', 'threads that load and augment volumes ahead of training (default 1)')
    .option('--tensorboard-megabytes <n>', 'figures kept for each study, for TensorBoard; 0 writes none (default 16)')
    .option('--accept-study <digests>', 'of studies that this site accepts before it is offered them')
    .option('--until-finished', 'end when the study is finished')
    .action(async (flags: Record<string, unknown>) => {
      const settings = settingsFromProcess(flags);
      await runNode(settings, flags['untilFinished'] === true, session);
    });
}

async function runNode(settings: NodeSettings, untilFinished: boolean, session: Session): Promise<void> {
  const status = new StatusLine(process.stderr);
  const log = createLog(settings, status);
  const progress = new StatusLog(log, () => systemClock.now());
  session.onClose(() => {
    status.clear();
    return Promise.resolve();
  });
  const home = nodeHome(settings.home);
  const { enrolment, key } = await requireEnrolment(home);
  const inForce = keyInForce(home);
  const { data, validation } = siteFolders(settings, enrolment.role);
  await lockHome(settings.home, session);
  const server = settings.server ?? enrolment.server;
  const proofs = new SiteProofs(inForce, enrolment, systemClock);
  const consents = new Consents(home, settings.acceptStudy);
  const { gate, policy } = await openGate(home, consents, () => systemClock.now());
  const route = new Route(server, gate, settings);
  session.onClose(() => {
    route.close();
    return Promise.resolve();
  });
  const rest = new RestClient(route, systemClock, proofs);
  log.info(`node ${enrolment.name} (${enrolment.role}), server ${server}`);
  const sign = async (statement: { siteId: string }) => (await inForce()).sign(statement);
  const witness = new Witness({
    home,
    site: enrolment,
    signer: async () => (await inForce()).signer,
    rest,
    clock: systemClock,
    log,
  });
  const progressFile = new ProgressFile(
    home,
    () => systemClock.now(),
    (sentence) => log.warn(sentence),
  );
  const agent = new Agent({
    site: enrolment,
    fingerprint: key.fingerprint,
    data,
    validation,
    seed: settings.seed,
    pollSeconds: settings.pollSeconds,
    untilFinished,
    policy,
    gate,
    rest,
    encoding: settings.encoding,
    blobs: new BlobCache(home.blobs, rest),
    journal: await Journal.open(home),
    trainer: startTrainer(settings, log, session),
    connect: (events) => new ControlSocket({ route, proofs, log, ...events }),
    sign,
    offers: new StudyOffers({ home, site: enrolment, consents, rest, sign, witness, clock: systemClock, log }),
    witness,
    scalars: new ScalarLog({
      folder: home.tensorboard,
      maximumBytes: settings.tensorboardMegabytes * 1e6,
      now: () => systemClock.now(),
      warn: (sentence) => log.warn(sentence),
    }),
    clock: systemClock,
    jitter: () => Math.random(),
    log,
    report: (state) => {
      if (process.stderr.isTTY) status.show(statusLine(state));
      else progress.show(statusSentence(state));
      progressFile.take(state);
      tellParent(state);
    },
  });
  // A parent that started this node and is gone must not leave it behind.
  process.once('disconnect', () => session.interrupt('the process that started this node has ended'));
  watchDecisions(home, () => agent.look(), session);
  await agent.run(session.signal);
}

/** What the site's people decide in another process counts from now on, not from the next look. */
function watchDecisions({ root, consents }: NodeHome, look: () => void, session: Session): void {
  const watcher = watch(root, (_, name) => {
    if (name === basename(consents)) look();
  });
  session.onClose(() => {
    watcher.close();
    return Promise.resolve();
  });
}

/** An observer's own folder may itself be the validation folder. */
function siteFolders(
  settings: NodeSettings,
  role: 'trainer' | 'observer',
): { data: string | null; validation: string | null } {
  const data = settings.data ?? null;
  if (data !== null) requireFolder(data, '--data');
  if (settings.validation !== undefined) requireFolder(settings.validation, '--validation');
  const inside = data !== null && existsSync(join(data, 'validation', 'images')) ? join(data, 'validation') : null;
  const validation = settings.validation ?? inside ?? (role === 'observer' ? data : null);
  if (role === 'trainer' && data === null) {
    throw new NodeFailure('usage', 'run: expected --data DIR with images/ and labels/, got none');
  }
  if (role === 'observer' && validation === null) {
    throw new NodeFailure(
      'usage',
      'run: an observer needs --validation DIR (or --data DIR) with images/ and labels/, got none',
    );
  }
  return { data, validation };
}

function requireFolder(path: string, option: string): void {
  let isFolder = false;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOENT')
      throw new NodeFailure('bad-data', `${option}: ${path} cannot be read (${code ?? 'unknown'})`, { cause: error });
  }
  if (!isFolder) throw new NodeFailure('bad-data', `${option}: expected a folder, got ${path}, which is none`);
}

/** How long a lock outlives a killed node, and so how long a restarted one may have to wait. */
const LOCK_STALE_MS = 5_000;

/** Two nodes on one home would overwrite each other's rounds. */
async function lockHome(home: string, session: Session): Promise<void> {
  await mkdir(home, { recursive: true });
  try {
    const release = await lock(home, {
      stale: LOCK_STALE_MS,
      update: 1_000,
      retries: { retries: 8, factor: 1, minTimeout: 1_000 },
      onCompromised: (error) => session.interrupt(`the lock on ${home} was lost: ${error.message}`),
    });
    session.onClose(release);
  } catch (error) {
    throw new NodeFailure('usage', `${home}: expected to be the only node with this home, another one is running`, {
      cause: error,
    });
  }
}

function tellParent(state: NodeState): void {
  const message: NodeStateMessage = { type: 'state', ...state };
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
