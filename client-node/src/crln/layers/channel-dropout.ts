import type { Ops } from '../../engine/ops.js';
import { sizeOf, type Tensor } from '../../engine/tensor.js';
import { noBackward, type Forwarded, type Layer, type Pass } from './layer.js';

/** Drops whole channels of each sample, x [b, h, w, d, c], and scales the others up; nothing without `pass.dropping`. */
export class ChannelDropout implements Layer {
  constructor(
    private readonly ops: Ops,
    private readonly probability: number,
  ) {}

  forward(x: Tensor, pass: Pass): Forwarded {
    if (pass.dropping === undefined) return { output: x, backward: (dOutput) => dOutput };
    const b = x.shape[0];
    const c = x.shape.at(-1)!;
    const factors = pass.dropping.channels(b, c, this.probability);
    const output = this.#scale(x, factors);
    return { output, backward: pass.gradient ? (dOutput) => this.#scale(dOutput, factors) : noBackward };
  }

  /** Takes x over. */
  #scale(x: Tensor, factors: Float32Array): Tensor {
    const ops = this.ops;
    const b = x.shape[0];
    const c = x.shape.at(-1)!;
    const scaled = ops.tidy(() => {
      const flat = ops.reshape(x, [b, sizeOf(x.shape) / (b * c), c]);
      const scale = ops.cast(ops.fromHost(factors, [b, 1, c]), x.dtype);
      return ops.reshape(ops.mul(flat, scale), x.shape);
    });
    ops.dispose(x);
    return scaled;
  }
}
