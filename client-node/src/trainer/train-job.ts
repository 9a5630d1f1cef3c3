import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeContainer, digestOfJson, encodeContainer, Random, type NamedTensors } from '@consilium/shared';
import { CrlnTrainer } from '../crln/index.js';
import { NodeFailure } from '../settings/failure.js';
import { writeWholeFile } from '../settings/whole-file.js';
import { openSite } from '../volumes/index.js';
import { CheckpointFile } from './checkpoint.js';
import type { JobContext } from './job-loop.js';
import type { TrainedUpdate, TrainJob } from './messages.js';
import { SampledBatches } from './sampled-batches.js';
import { trainRound } from './train-round.js';
import type { Workshop } from './workshop.js';

/**
 * One site's part of a round: the base model becomes student and teacher, is trained for the study's local steps, and the
 * student is the update. Momentum starts at zero each round, because the base is an average that no site stood at.
 */
export async function train(job: TrainJob, workshop: Workshop, context: JobContext): Promise<TrainedUpdate> {
  const { ops } = await workshop.trainingEngine();
  const { study } = job;
  const site = await openSite(
    job.data,
    { ...study.model, spacing: study.spacing },
    { cacheDir: workshop.options.cache },
  );
  if (site.labelled.length + site.unlabelled.length === 0) {
    throw new NodeFailure(
      'bad-data',
      `${job.data}: expected at least one volume that study "${study.name}" can train on, got none`,
    );
  }
  if (site.labelled.length === 0 && study.training.unlabelledPerStep === 0) {
    throw new NodeFailure('bad-data', `${job.data}: study "${study.name}" trains on labelled volumes only, got none`);
  }
  const { localSteps, count } = study.rounds;
  const base = await readFile(job.base);
  const trainer = CrlnTrainer.create(
    {
      ops,
      model: study.model,
      training: study.training,
      totalSteps: count * localSteps,
      random: Random.from(job.seed, 'training'),
    },
    decodeContainer(base).tensors,
  );
  try {
    const figures = await trainRound({
      learner: trainer,
      batches: new SampledBatches(site, study, job.seed, workshop),
      checkpoint: new CheckpointFile(join(job.folder, 'checkpoint.safetensors'), checkpointKey(job, base)),
      localSteps,
      firstGlobalStep: (job.round - 1) * localSteps,
      checkpointSeconds: workshop.options.checkpointSeconds,
      now: () => performance.now(),
      onResume: (steps) => workshop.note('info', `round ${job.round}: going on after step ${steps} of ${localSteps}`),
      ...context,
    });
    const blob = await writeUpdate(join(job.folder, 'update.safetensors'), trainer.exportModel());
    return { blob, labelled: site.labelled.length, unlabelled: site.unlabelled.length, ...figures };
  } finally {
    trainer.dispose();
  }
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
