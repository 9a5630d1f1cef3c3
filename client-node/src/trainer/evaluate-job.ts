import { NodeFailure } from '../settings/failure.js';
import { loadCase, openSite, segmentationMetrics } from '../volumes/index.js';
import type { JobContext } from './job-loop.js';
import type { Evaluated, EvaluateJob, VolumeFigures } from './messages.js';
import { Predictor } from './predictor.js';
import type { Workshop } from './workshop.js';

/** Measures a model on a folder's labelled volumes, on the study's grid. */
export async function evaluate(job: EvaluateJob, workshop: Workshop, context: JobContext): Promise<Evaluated> {
  const { model, spacing } = job.study;
  const site = await openSite(job.validation, { ...model, spacing }, { cacheDir: workshop.options.cache });
  if (site.labelled.length === 0) {
    throw new NodeFailure(
      'bad-data',
      `${job.validation}: expected at least one labelled volume to measure on, got none`,
    );
  }
  const predictor = await Predictor.open(workshop, model, job.model);
  const volumes: VolumeFigures[] = [];
  try {
    for (const entry of site.labelled) {
      context.signal.throwIfAborted();
      const one = await loadCase(entry, spacing, workshop.options.cache);
      const prediction = await predictor.labels(one, {
        signal: context.signal,
        onProgress: (windows, total) =>
          context.onProgress({
            done: volumes.length,
            total: site.labelled.length,
            metrics: null,
            windows: { done: windows, total },
          }),
      });
      const { mean } = segmentationMetrics(prediction, one.label!, one.shape, one.spacing, model.classes);
      const { dice, jaccard, hd95, asd } = mean;
      volumes.push({ name: entry.name, dice, jaccard, hd95, asd });
      context.onProgress({ done: volumes.length, total: site.labelled.length, metrics: null });
    }
  } finally {
    predictor.dispose();
  }
  return { volumes, mean: meanFigures(volumes) };
}

/** A distance that one volume lacks has no mean: leaving that volume out would make the worst prediction look best. */
export function meanFigures(volumes: readonly VolumeFigures[]): Evaluated['mean'] {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const whole = (values: readonly (number | null)[]): number | null =>
    values.every((value) => value !== null) ? mean(values) : null;
  return {
    dice: mean(volumes.map(({ dice }) => dice)),
    jaccard: mean(volumes.map(({ jaccard }) => jaccard)),
    hd95: whole(volumes.map(({ hd95 }) => hd95)),
    asd: whole(volumes.map(({ asd }) => asd)),
  };
}
