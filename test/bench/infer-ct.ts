import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeFileSync } from 'node:fs';
import { writeNifti } from '@consilium/client-node/dist/volumes/nifti-writer.js';
import { ModelSettings, type StudyManifest } from '@consilium/shared';
import type { BenchReport } from './report.js';

type Triple = readonly [number, number, number];

const LIMIT_MEGABYTES = 4096;
const CLI = fileURLToPath(new URL('dist/cli/main.js', import.meta.resolve('@consilium/client-node/package.json')));
const run = promisify(execFile);

/**
 * `consilium-node predict` on a packed NIfTI of a CT's size, as a user runs it: read, turned, segmented without overlap,
 * brought back and written. The figure is the most that its trainer process had resident.
 */
export async function measureCt(
  folder: string,
  shape: Triple,
  model: { path: string; settings: ModelSettings },
): Promise<BenchReport['rows'][number]> {
  const image = join(folder, 'ct.nii.gz');
  const spacing: Triple = [0.75, 0.75, 1];
  await writeNifti(image, { voxels: ctVoxels(shape), geometry: lps(shape, spacing) });
  const study: Partial<StudyManifest> = { name: 'bench', model: model.settings, spacing: [...spacing] };
  writeFileSync(join(folder, 'study.json'), JSON.stringify(study));
  const start = performance.now();
  const { stdout } = await run(
    process.execPath,
    [
      ...[CLI, 'predict', image, '--json', '--home', join(folder, 'home'), '--out', join(folder, 'out')],
      ...['--model', model.path, '--study', join(folder, 'study.json'), '--overlap', '0', '--log-level', 'warn'],
    ],
    { maxBuffer: 1 << 20 },
  );
  const { peakMegabytes } = JSON.parse(stdout) as { peakMegabytes: number };
  const windows = shape.reduce((count, side, axis) => count * Math.ceil(side / model.settings.patch[axis]), 1);
  const seconds = (performance.now() - start) / 1000;
  return {
    case: `predict ${shape.join('x')}, width ${model.settings.width}`,
    windows,
    's/volume': seconds,
    'windows/s': windows / seconds,
    'peak MB': peakMegabytes,
    'of 4 GB': peakMegabytes / LIMIT_MEGABYTES,
  };
}

/** A body of soft tissue with noise, in Hounsfield units; i fastest. */
function ctVoxels([ni, nj, nk]: Triple): Int16Array {
  const voxels = new Int16Array(ni * nj * nk);
  for (let k = 0, at = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) {
        const inside = (i / ni - 0.5) ** 2 + (j / nj - 0.5) ** 2 < 0.16;
        voxels[at] = (inside ? 40 + 30 * Math.sign(Math.sin(i / 20) * Math.sin(k / 15)) : -1000) + ((at * 31) & 15);
      }
    }
  }
  return voxels;
}

/** As scanners store it: i to the patient's left, j backwards. */
function lps(shape: Triple, [x, y, z]: Triple) {
  return { shape, affine: [-x, 0, 0, 0, 0, -y, 0, 0, 0, 0, z, 0], affineCode: 1, spacingKnown: true };
}
