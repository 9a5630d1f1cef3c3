import { NativeOps } from '../../client-node/src/engine/native-ops.js';
import type { NativeBinding } from '../../client-node/src/engine/native-binding.js';
import type { NormMoments } from '../../client-node/src/engine/ops.js';
import type { Tensor } from '../../client-node/src/engine/tensor.js';
/**
 * The native ops in double precision, to test arithmetic rather than rounding: in float32 one ReLU whose input is a
 * rounding error away from 0 changes the gradients below it by a percent. TensorFlow has no fused batch norm in float64.
 */
export declare class DoubleOps extends NativeOps {
    #private;
    readonly name = "native, float64";
    constructor(binding: NativeBinding);
    batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): {
        y: Tensor;
        moments: NormMoments;
    };
    batchNormGrad(dy: Tensor, x: Tensor, gamma: Tensor, { mean, reserved }: NormMoments): {
        dx: Tensor;
        dgamma: Tensor;
        dbeta: Tensor;
    };
    /** One axis after the other. */
    maxPool3d(x: Tensor): Tensor;
    /** To every voxel that equals the maximum: of equals after a ReLU only zeros are common, whose gradient ends there. */
    maxPool3dGrad(x: Tensor, y: Tensor, dy: Tensor): Tensor;
    batchNormInference(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon: number): Tensor;
}
/** Null where no native addon is set up. */
export declare function openDoubleOps(): DoubleOps | null;
