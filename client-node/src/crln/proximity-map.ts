import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import { BatchNorm } from './layers/batch-norm.js';
import { ConvUnit } from './layers/conv-unit.js';
import { ConvKernel, DepthwiseKernel } from './layers/kernel.js';
import { noBackward, Sequence, type Forwarded, type Layer, type Pass } from './layers/layer.js';
import { LayerNorm } from './layers/layer-norm.js';
import { Linear } from './layers/linear.js';
import { Residual } from './layers/residual.js';
import type { Weights } from './weights.js';

/** Turns the proximity maps of a class's R prototypes into one cue per voxel and class. */
export class ProximityMap {
  readonly #norm: Layer;
  readonly #convolve: Layer;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
    private readonly classes: number,
    private readonly space: readonly [number, number, number],
  ) {
    this.#norm = new Sequence([
      new Residual(ops, null),
      new Residual(ops, new LayerNorm(ops, weights, `${name}.map_norm`)),
    ]);
    const norm = (which: string) => new BatchNorm(ops, weights, `${name}.${which}_norm`);
    this.#convolve = new Sequence([
      new ConvUnit(ops, new DepthwiseKernel(ops, weights, `${name}.depthwise`), norm('depthwise')),
      new ConvUnit(ops, new ConvKernel(ops, weights, `${name}.pointwise`), norm('pointwise')),
      new Linear(ops, weights, `${name}.cue`),
    ]);
  }

  /** proximity [b, C R, voxels], taken over -> cue [b, h, w, d, C] at the level's resolution. */
  forward(proximity: Tensor, pass: Pass): Forwarded {
    const { ops, classes } = this;
    const [b, maps, voxels] = proximity.shape as [number, number, number];
    const r = maps / classes;
    const normed = this.#norm.forward(proximity, pass);
    // A class's maps become the channels of one volume: [b C, R, voxels] -> [b C, voxels, R].
    const channels = ops.tidy(() => {
      const perClass = ops.transpose(ops.reshape(normed.output, [b * classes, r, voxels]), [0, 2, 1]);
      return ops.reshape(perClass, [b * classes, ...this.space, r]);
    });
    ops.dispose(normed.output);
    const convolved = this.#convolve.forward(channels, pass);
    const output = ops.tidy(() => {
      const perClass = ops.transpose(ops.reshape(convolved.output, [b, classes, voxels]), [0, 2, 1]);
      return ops.reshape(perClass, [b, ...this.space, classes]);
    });
    ops.dispose(convolved.output);
    if (!pass.gradient) return { output, backward: noBackward };
    const backward = (dCue: Tensor): Tensor => {
      const dVolumes = ops.tidy(() => {
        const perClass = ops.transpose(ops.reshape(dCue, [b, voxels, classes]), [0, 2, 1]);
        return ops.reshape(perClass, [b * classes, ...this.space, 1]);
      });
      ops.dispose(dCue);
      const dChannels = convolved.backward(dVolumes);
      const dMaps = ops.tidy(() => {
        const perMap = ops.transpose(ops.reshape(dChannels, [b * classes, voxels, r]), [0, 2, 1]);
        return ops.reshape(perMap, [b, maps, voxels]);
      });
      ops.dispose(dChannels);
      return normed.backward(dMaps);
    };
    return { output, backward };
  }
}
