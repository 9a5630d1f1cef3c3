import type { NiftiContent } from './nifti-writer.js';
import { closestAxes, fromRas } from './orientation.js';
import { asLabelMap, readVolume } from './volume-file.js';
import { times, VolumeError } from './volume.js';

/** Where a label and a prediction on the same grid differ: 1 only or otherwise in the label, 2 only in the prediction, else 0. */
export async function disagreementMap(label: string, prediction: string): Promise<NiftiContent> {
  const [truth, predicted] = await Promise.all([readVolume(label, 'label'), readVolume(prediction, 'label')]);
  if (truth.image.length !== predicted.image.length) {
    throw new VolumeError(
      'not-a-label-map',
      `expected label and prediction of one shape, got ${times(truth.shape)} and ${times(predicted.shape)}`,
    );
  }
  const [a, b] = [asLabelMap(truth.image), asLabelMap(predicted.image)];
  const voxels = a.map((one, i) => (one === b[i] ? 0 : one > 0 ? 1 : 2));
  const { geometry } = predicted;
  return { voxels: fromRas(voxels, geometry.shape, closestAxes(geometry.affine)), geometry, isLabel: true };
}
