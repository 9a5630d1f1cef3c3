import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NodeFailure } from '../settings/failure.js';
import { loadCase, VolumeError, writePrediction } from '../volumes/index.js';
import type { JobContext } from './job-loop.js';
import type { PredictJob, Predicted } from './messages.js';
import { Predictor } from './predictor.js';
import type { Workshop } from './workshop.js';

/** Writes one NIfTI label map per image, on the image's own grid. An image that cannot be read is named and passed over. */
export async function predict(job: PredictJob, workshop: Workshop, context: JobContext): Promise<Predicted> {
  const predictor = await Predictor.open(workshop, job.study.model, job.model);
  const result: Predicted = { written: [], failed: [] };
  try {
    await mkdir(job.folder, { recursive: true });
    for (const image of job.images) {
      context.signal.throwIfAborted();
      try {
        const prediction = await predictOne(job, image, predictor, context);
        result.written.push({ image, prediction });
      } catch (error) {
        if (!(error instanceof VolumeError)) throw error;
        result.failed.push({ image, sentence: `${basename(image)} ${error.message}` });
      }
      context.onProgress({
        done: result.written.length + result.failed.length,
        total: job.images.length,
        metrics: null,
      });
    }
  } finally {
    predictor.dispose();
  }
  return result;
}

async function predictOne(job: PredictJob, image: string, predictor: Predictor, context: JobContext): Promise<string> {
  const name = caseName(image);
  const path = join(job.folder, `${name}.nii.gz`);
  if (path === image) throw new NodeFailure('usage', `${job.folder}: a prediction would overwrite its image ${image}`);
  const one = await loadCase({ name, image, label: null }, job.study.spacing);
  await writePrediction(path, await predictor.segmentation(one, context.signal), one.native);
  return path;
}

export function caseName(path: string): string {
  return basename(path).replace(/\.(nii|nii\.gz|h5|hdf5)$/i, '');
}
