import { createRequire } from 'node:module';
import { NativeOps } from '../../client-node/src/engine/native-ops.js';
import type { NativeBinding } from '../../client-node/src/engine/native-binding.js';
import type { NormMoments } from '../../client-node/src/engine/ops.js';
import type { Tensor } from '../../client-node/src/engine/tensor.js';

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
      const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
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
      const inverse = reserved[0]!;
      const normal = this.mul(this.sub(x, mean), inverse);
      const dNormal = this.mul(dy, gamma);
      const level = this.mean(dNormal, axes);
      const slope = this.mean(this.mul(dNormal, normal), axes);
      const dx = this.mul(this.sub(this.sub(dNormal, level), this.mul(normal, slope)), inverse);
      return { dx, dgamma: this.sum(this.mul(dy, normal), axes), dbeta: this.sum(dy, axes) };
    });
  }

  override batchNormInference(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: number,
  ): Tensor {
    return this.tidy(() => {
      const inverse = this.rsqrt(this.add(variance, epsilon));
      return this.add(this.mul(this.mul(this.sub(x, mean), inverse), gamma), beta);
    });
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
