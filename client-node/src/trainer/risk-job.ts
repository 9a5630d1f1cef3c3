import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { decodeContainer, float32Tensor, float32Values, Random, type NamedTensors } from '@consilium/shared';
import { normalisePatches } from '../crln/augmentation.js';
import { GradientInversion } from '../crln/gradient-inversion.js';
import type { LabelledPatches } from '../crln/patches.js';
import { NodeFailure } from '../settings/failure.js';
import { CaseMemory, openSite, PatchSampler, writeImage } from '../volumes/index.js';
import { correlation } from './correlation.js';
import type { JobContext } from './job-loop.js';
import type { Attack, RiskJob, RiskProbed } from './messages.js';
import { BYTES_PER_MEGABYTE, type Workshop } from './workshop.js';

/**
 * Attacks this site's own update as a server could that knows the labels of a patch, and two other gradients to judge the outcome
 * by: that of one step on this very patch, which no federation should ever send, and that of one step on another patch, which
 * knows nothing of this one: what its attack finds is what labels and the look of such images give away by themselves.
 */
export async function probeRisk(job: RiskJob, workshop: Workshop, context: JobContext): Promise<RiskProbed> {
  const { ops } = await workshop.trainingEngine();
  const [patch, other] = await labelledPatches(job, workshop);
  const base = decodeContainer(await readFile(job.base)).tensors;
  const update = decodeContainer(await readFile(job.update)).tensors;
  const inversion = new GradientInversion(ops, job.study.model, base);
  try {
    const oneStep = inversion.gradientOf(patch);
    const gradients: Record<Attack['gradient'], NamedTensors> = {
      'one-step': oneStep,
      update: movedBy(base, update, oneStep),
      'other-patch': inversion.gradientOf(other),
    };
    const attacks: Attack[] = [];
    await keepImage(job, 'original', patch.image);
    for (const [gradient, tensors] of Object.entries(gradients) as [Attack['gradient'], NamedTensors][]) {
      const search = inversion.search(tensors, patch, job.iterations, Random.from(job.seed, 'inversion'));
      let found = search.next();
      while (found.done !== true) {
        context.signal.throwIfAborted();
        const done = attacks.length * job.iterations + found.value.iteration;
        context.onProgress({ done, total: Object.keys(gradients).length * job.iterations, metrics: null });
        await setImmediate();
        found = search.next();
      }
      const { image, cosine } = found.value;
      await keepImage(job, gradient, image);
      attacks.push({ gradient, cosine, likeness: correlation(image, patch.image) });
    }
    return { attacks };
  } finally {
    inversion.dispose();
  }
}

/** Voxels along each side of what is looked for: an attack that ends within minutes recovers nothing of larger ones. */
const EDGE = 16;

/** Two of the site's own, of two volumes where it has them, with some of the organ in each, as the network is given them. */
async function labelledPatches({ data, study, seed }: RiskJob, workshop: Workshop): Promise<LabelledPatches[]> {
  const { model, spacing } = study;
  const { cache, memoryMegabytes } = workshop.options;
  const { labelled } = await openSite(data, { ...model, spacing }, { cacheDir: cache });
  const memory = new CaseMemory(memoryMegabytes * BYTES_PER_MEGABYTE);
  const sampler = new PatchSampler({
    labelled,
    unlabelled: [],
    load: (entry) => memory.get(entry, spacing, cache),
    patch: [EDGE, EDGE, EDGE],
    labelledPerStep: 1,
    unlabelledPerStep: 0,
    seed,
    onLeftOut: ({ sentence }) => workshop.note('warn', `a volume is left out: ${sentence}`),
    foregroundShare: 1,
  });
  const drawn = [await sampler.batch(0), await sampler.batch(1)];
  return drawn.map(({ labelled: patch }) => {
    if (patch !== undefined) return { ...patch, ...normalisePatches(patch) };
    throw new NodeFailure('bad-data', `${data}: expected a labelled volume to look for in the update, got none`);
  });
}

/** base - update: the sum of the steps' gradients but for their rates and the momentum. Of the tensors in `like`. */
function movedBy(base: NamedTensors, update: NamedTensors, like: NamedTensors): NamedTensors {
  return new Map(
    [...like].map(([name, { shape }]) => {
      const [from, to] = [base, update].map((tensors) => float32Values(tensors.get(name)!));
      return [
        name,
        float32Tensor(
          shape,
          from.map((value, i) => value - to[i]),
        ),
      ];
    }),
  );
}

/** To be looked at, where the user wants images: the first channel. */
async function keepImage({ folder, study }: RiskJob, name: string, image: Float32Array): Promise<void> {
  if (folder === null) return;
  const voxels = image.filter((_, i) => i % study.model.channels === 0);
  const shape = [EDGE, EDGE, EDGE] as const;
  await writeImage(join(folder, `${name}.nii.gz`), { image: voxels, shape, spacing: study.spacing });
}
