import { VNET_DEPTHS } from '@consilium/shared';

const CLASSES = 2;
const PROTOTYPES = 16;
/** One input channel. */
const IMAGE = 1;

/** Multiplications and additions of one V-Net training step with a batch of one, in 1e9: convolutions alone, both heads. */
export function trainingGigaflops(patch: readonly number[], width: number): number {
  const voxels = (stage: number) => patch.reduce((product, side) => product * (side / 2 ** stage), 1);
  const channels = (stage: number) => width * 2 ** stage;
  const conv = (stage: number, taps: number, from: number, to: number) => 2 * taps * from * to * voxels(stage);
  const first = conv(0, 27, IMAGE, width);
  let forward = first - conv(0, 27, width, width);
  VNET_DEPTHS.forEach((depth, stage) => {
    const square = conv(stage, 27, channels(stage), channels(stage));
    const isBottom = stage === VNET_DEPTHS.length - 1;
    forward += depth * square * (isBottom ? 1 : 2);
    if (!isBottom) forward += 2 * conv(stage + 1, 8, channels(stage), channels(stage + 1));
  });
  forward += conv(0, 1, width, CLASSES) + conv(0, 27, width, width) + conv(0, 1, width, PROTOTYPES);
  // Twice as much again backwards, for filters and for inputs; nobody needs the image's gradient.
  return (3 * forward - first) / 1e9;
}
