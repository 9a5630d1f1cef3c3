import { writeNifti } from './nifti-writer.js';
import { closestAxes, fromRas } from './orientation.js';
import { storedAs } from './phantom-site.js';
import type { Case } from './volume.js';

/** An image in RAS on a grid of its own, as NIfTI; its first voxel lies at 0, 0, 0. */
export async function writeImage(path: string, { image, shape, spacing }: Pick<Case, 'image' | 'shape' | 'spacing'>) {
  const geometry = storedAs(shape, spacing, 'RAS');
  await writeNifti(path, { voxels: fromRas(image, shape, closestAxes(geometry.affine)), geometry });
}
