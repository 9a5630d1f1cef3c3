import { createRequire } from 'node:module';
import { NativeOps } from './native-ops.js';
import type { NativeBinding } from './native-binding.js';
import type { NormMoments } from './ops.js';
import type { Tensor } from './tensor.js';

/**
 * The native ops in double precision, to test arithmetic rather than rounding: in float32 one ReLU whose input is a
 * rounding error away from 0 changes the gradients below it by a percent. TensorFlow has no fused batch norm in float64.
 */
export class DoubleOps extends NativeOps {
  override readonly name = 'native, float64';

  constructor(binding: NativeBinding) {
    super(binding, 'float64');
  }

  override batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; moments: NormMoments } {
    return this.tidy(() => {
      const axes = leading(x);
      const mean = this.mean(x, axes);
      const biased = this.mean(this.square(this.sub(x, mean)), axes);
      const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
      const inverse = this.rsqrt(this.add(biased, epsilon));
      const y = this.add(this.mul(this.mul(this.sub(x, mean), inverse), gamma), beta);
      return { y, moments: { mean, variance: this.mul(biased, count / (count - 1)), reserved: [inverse] } };
    });
  }

  override batchNormGrad(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    { mean, reserved }: NormMoments,
  ): { dx: Tensor; dgamma: Tensor; dbeta: Tensor } {
    return this.tidy(() => {
      const axes = leading(x);
      const inverse = reserved[0];
      const normal = this.mul(this.sub(x, mean), inverse);
      const dNormal = this.mul(dy, gamma);
      const level = this.mean(dNormal, axes);
      const slope = this.mean(this.mul(dNormal, normal), axes);
      const dx = this.mul(this.sub(this.sub(dNormal, level), this.mul(normal, slope)), inverse);
      return { dx, dgamma: this.sum(this.mul(dy, normal), axes), dbeta: this.sum(dy, axes) };
    });
  }

  /** One axis after the other. */
  override maxPool3d(x: Tensor): Tensor {
    const [b, h, w, d, c] = x.shape as [number, number, number, number, number];
    return this.tidy(() => {
      const rows = this.max(this.reshape(x, [(b * h) / 2, 2, w * d * c]), [1]);
      const columns = this.max(this.reshape(rows, [(b * h * w) / 4, 2, d * c]), [1]);
      const y = this.max(this.reshape(columns, [(b * h * w * d) / 8, 2, c]), [1]);
      return this.reshape(y, [b, h / 2, w / 2, d / 2, c]);
    });
  }

  /** To every voxel that equals the maximum: of equals after a ReLU only zeros are common, whose gradient ends there. */
  override maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor {
    return this.tidy(() => this.mul(this.greaterEqual(x, this.#doubled(y)), this.#doubled(dy)));
  }

  #doubled(y: Tensor): Tensor {
    const [b, h, w, d, c] = y.shape as [number, number, number, number, number];
    const twice = (x: Tensor, before: number, after: number) =>
      this.broadcastTo(this.reshape(x, [before, 1, after]), [before, 2, after]);
    const depth = twice(y, b * h * w * d, c);
    const columns = twice(depth, b * h * w, 2 * d * c);
    return this.reshape(twice(columns, b * h, 4 * w * d * c), [b, 2 * h, 2 * w, 2 * d, c]);
  }
}

/** Null where no native addon is set up. */
export function openDoubleOps(): DoubleOps | null {
  try {
    const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as { backend(): { binding: NativeBinding } };
    return new DoubleOps(tf.backend().binding);
  } catch {
    return null;
  }
}

function leading(x: Tensor): number[] {
  return Array.from({ length: x.shape.length - 1 }, (_, axis) => axis);
}
