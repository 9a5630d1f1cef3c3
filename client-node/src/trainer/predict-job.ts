import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NodeFailure } from '../settings/failure.js';
import { loadCase, writePrediction } from '../volumes/index.js';
import type { JobContext } from './job-loop.js';
import type { JobProgress, PredictJob, Predicted } from './messages.js';
import { Predictor } from './predictor.js';
import type { Workshop } from './workshop.js';

const KILOBYTES_PER_MEGABYTE = 1024;

/** Writes one NIfTI label map per image, on the image's own grid. An image that cannot be used is named and passed over. */
export async function predict(job: PredictJob, workshop: Workshop, context: JobContext): Promise<Predicted> {
  const predictor = await Predictor.open(workshop, job.study.model, job.model);
  const written: Predicted['written'] = [];
  const failed: Predicted['failed'] = [];
  const report = (windows: Pick<JobProgress, 'windows'> = {}): void =>
    context.onProgress({ done: written.length + failed.length, total: job.images.length, metrics: null, ...windows });
  try {
    await mkdir(job.folder, { recursive: true });
    for (const image of job.images) {
      context.signal.throwIfAborted();
      try {
        const watching = {
          signal: context.signal,
          onProgress: (done: number, total: number) => report({ windows: { done, total } }),
        };
        written.push({ image, prediction: await predictOne(job, image, predictor, watching) });
      } catch (error) {
        if (!(error instanceof NodeFailure) || error.kind !== 'bad-data') throw error;
        failed.push({ image, sentence: error.message });
      }
      report();
    }
  } finally {
    predictor.dispose();
  }
  return { written, failed, peakMegabytes: Math.round(process.resourceUsage().maxRSS / KILOBYTES_PER_MEGABYTE) };
}

async function predictOne(
  job: PredictJob,
  image: string,
  predictor: Predictor,
  watching: Parameters<Predictor['rows']>[1],
): Promise<string> {
  const name = caseName(image);
  const path = join(job.folder, `${name}.nii.gz`);
  if (path === image) throw new NodeFailure('usage', `${job.folder}: a prediction would overwrite its image ${image}`);
  const { model, spacing } = job.study;
  const one = await loadCase({ name, image, label: null }, spacing);
  const grid = { shape: one.shape, spacing, classes: model.classes };
  await writePrediction(path, predictor.rows(one, watching), grid, one.native);
  return path;
}

export function caseName(path: string): string {
  return basename(path).replace(/\.(nii|nii\.gz|h5|hdf5)$/i, '');
}
