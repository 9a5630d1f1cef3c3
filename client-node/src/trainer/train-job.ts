import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeContainer, digestOfJson, encodeContainer, Random, type NamedTensors } from '@consilium/shared';
import { CrlnTrainer, pathLength } from '../crln/index.js';
import { NodeFailure } from '../settings/failure.js';
import { writeWholeFile } from '../settings/whole-file.js';
import { boundCaseCache, openSite, type LeftOut, type Site, type SiteEntry } from '../volumes/index.js';
import type { Feed } from './batch-maker.js';
import { CheckpointFile } from './checkpoint.js';
import { Drift } from './drift.js';
import type { JobContext } from './job-loop.js';
import type { TrainedUpdate, TrainJob } from './messages.js';
import { LocalTensors } from './local-tensors.js';
import { sharedTensors } from './shared-tensors.js';
import { trainRound } from './train-round.js';
import { BYTES_PER_MEGABYTE, type Workshop } from './workshop.js';

/**
 * One site's part of a round: the base model becomes student and teacher, is trained for the study's local steps, and the
 * student is the update. Momentum starts at zero each round, because the base is an average that no site stood at.
 */
export async function train(job: TrainJob, workshop: Workshop, context: JobContext): Promise<TrainedUpdate> {
  const { ops } = await workshop.trainingEngine();
  const { study, round } = job;
  const { cache, cacheMegabytes, checkpointSeconds } = workshop.options;
  await boundCaseCache(cache, cacheMegabytes * BYTES_PER_MEGABYTE);
  const site = await openTrainable(job, cache);
  const { localSteps, count } = study.rounds;
  const [firstGlobalStep, totalSteps] = [(round - 1) * localSteps, count * localSteps];
  const base = await readFile(job.base);
  const local = new LocalTensors(job.local, study.aggregation.groups);
  const drift = study.training.controlVariates ? new Drift(job.local, study) : null;
  const global = decodeContainer(base).tensors;
  const correction = await drift?.correction(global, round);
  const trainer = CrlnTrainer.create(
    {
      ops,
      model: study.model,
      training: study.training,
      totalSteps,
      random: Random.from(job.seed, 'training'),
      precision: workshop.options.precision,
      ...(correction && { correction }),
    },
    await local.over(global, round),
  );
  const leftOut = new Set<string>();
  const onLeftOut = ({ image, sentence }: LeftOut): void => {
    leftOut.add(image);
    workshop.note('warn', `round ${round}: a volume is left out from here on: ${sentence}`);
  };
  try {
    const { dataWaitShare, ...figures } = await trainRound({
      learner: trainer,
      batches: workshop.feed.open({ feed: feedOf(site, job, cache), steps: localSteps, onLeftOut }),
      checkpoint: new CheckpointFile(join(job.folder, 'checkpoint.safetensors'), checkpointKey(job, base)),
      localSteps,
      firstGlobalStep,
      checkpointSeconds,
      now: () => performance.now(),
      onResume: (steps) => workshop.note('info', `round ${round}: going on after step ${steps} of ${localSteps}`),
      ...context,
    });
    const waiting = `${(100 * dataWaitShare).toFixed(1)} % of the time waiting for data`;
    workshop.note('info', `round ${round}: ${figures.metrics.secondsPerStep.toFixed(2)} s/step, ${waiting}`);
    const trained = trainer.exportModel();
    await local.keep(trained, round);
    const path = pathLength(study.training, { first: firstGlobalStep, steps: localSteps, total: totalSteps });
    if (correction) await drift?.keep(round, { correction, trained, path });
    const shared = sharedTensors(trained, global, study.aggregation, job.withheld);
    const blob = await writeUpdate(join(job.folder, 'update.safetensors'), shared);
    const kept = (entries: readonly SiteEntry[]): number => entries.filter(({ image }) => !leftOut.has(image)).length;
    return { blob, labelled: kept(site.labelled), unlabelled: kept(site.unlabelled), ...figures };
  } finally {
    trainer.dispose();
  }
}

/** The site's volumes that the study can train on. */
async function openTrainable({ data, study }: TrainJob, cacheDir: string): Promise<Site> {
  const site = await openSite(data, { ...study.model, spacing: study.spacing }, { cacheDir });
  if (site.labelled.length + site.unlabelled.length === 0) {
    throw new NodeFailure(
      'bad-data',
      `${data}: expected at least one volume that study "${study.name}" can train on, got none`,
    );
  }
  if (site.labelled.length === 0 && study.training.unlabelledPerStep === 0) {
    throw new NodeFailure('bad-data', `${data}: study "${study.name}" trains on labelled volumes only, got none`);
  }
  return site;
}

function feedOf({ labelled, unlabelled }: Site, { study, seed }: TrainJob, cacheDir: string): Feed {
  const { spacing, model, training } = study;
  const { patch, classes } = model;
  const { labelledPerStep, unlabelledPerStep } = training;
  return { labelled, unlabelled, spacing, patch, classes, labelledPerStep, unlabelledPerStep, seed, cacheDir };
}

function checkpointKey(job: TrainJob, base: Buffer): string {
  return digestOfJson([job.studyDigest, job.round, job.seed, sha256(base)]);
}

async function writeUpdate(path: string, tensors: NamedTensors): Promise<TrainedUpdate['blob']> {
  const bytes = encodeContainer(tensors);
  await writeWholeFile(path, bytes);
  return { digest: sha256(bytes), bytes: bytes.byteLength };
}

/** Of native speed, unlike the portable one of `shared`: models are tens of megabytes. */
function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
