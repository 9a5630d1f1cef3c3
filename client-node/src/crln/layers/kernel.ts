import type { Ops, Window } from '../../engine/ops.js';
import type { Shape, Tensor } from '../../engine/tensor.js';
import type { Parameter, Weights } from '../weights.js';

/** The linear map of a convolution: forward, and its two derivatives. None of them takes anything over. */
export interface Kernel {
  readonly outputs: number;
  apply(x: Tensor): Tensor;
  inputGrad(dy: Tensor, inputShape: Shape): Tensor;
  /** Adds dLoss/dWeights to the parameter. */
  addFilterGrad(x: Tensor, dy: Tensor): void;
}

const SAME: Window = { stride: 1, padding: 'SAME' };
const HALVING: Window = { stride: 2, padding: 'VALID' };

/** Convolution, weights [kh, kw, kd, in, out]: 3x3x3 (or 1x1x1) keeping the size, or 2x2x2 halving it. */
export class ConvKernel implements Kernel {
  readonly #filter: Parameter;
  readonly #window: Window;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
    stride: 1 | 2 = 1,
  ) {
    this.#filter = weights.parameter(`${name}.weight`);
    this.#window = stride === 1 ? SAME : HALVING;
  }

  get outputs(): number {
    return this.#filter.shape[4];
  }

  apply(x: Tensor): Tensor {
    return this.ops.conv3d(x, this.#filter.read(x.dtype), this.#window);
  }

  inputGrad(dy: Tensor, inputShape: Shape): Tensor {
    return this.ops.conv3dInputGrad(inputShape, this.#filter.read(dy.dtype), dy, this.#window);
  }

  addFilterGrad(x: Tensor, dy: Tensor): void {
    this.#filter.addGradient(this.ops.conv3dFilterGrad(x, this.#filter.shape, dy, this.#window));
  }
}

/** Transposed convolution 2x2x2 doubling the size, weights [2, 2, 2, out, in]: a halving convolution read backwards. */
export class DoublingKernel implements Kernel {
  readonly #filter: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#filter = weights.parameter(`${name}.weight`);
  }

  get outputs(): number {
    return this.#filter.shape[3];
  }

  apply(x: Tensor): Tensor {
    const [b, h, w, d] = x.shape as [number, number, number, number];
    const shape = [b, 2 * h, 2 * w, 2 * d, this.outputs];
    return this.ops.conv3dInputGrad(shape, this.#filter.read(x.dtype), x, HALVING);
  }

  inputGrad(dy: Tensor): Tensor {
    return this.ops.conv3d(dy, this.#filter.read(dy.dtype), HALVING);
  }

  addFilterGrad(x: Tensor, dy: Tensor): void {
    this.#filter.addGradient(this.ops.conv3dFilterGrad(dy, this.#filter.shape, x, HALVING));
  }
}

/**
 * Transposed convolution 3x3x3 doubling the size, weights [3, 3, 3, out, in]: output voxel o takes from 2i + k - 1 = o, as
 * PyTorch's with padding 1 and output padding 1. TensorFlow's SAME puts its odd voxel on the other side, so the whole
 * result, one voxel longer, is cut here.
 */
export class OverlappingDoublingKernel implements Kernel {
  readonly #filter: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#filter = weights.parameter(`${name}.weight`);
  }

  get outputs(): number {
    return this.#filter.shape[3];
  }

  apply(x: Tensor): Tensor {
    const { ops } = this;
    const [b, h, w, d] = x.shape as [number, number, number, number];
    const whole = [b, 2 * h + 1, 2 * w + 1, 2 * d + 1, this.outputs];
    return ops.tidy(() => {
      const y = ops.conv3dInputGrad(whole, this.#filter.read(x.dtype), x, HALVING);
      return ops.slice(y, [0, 1, 1, 1, 0], [b, 2 * h, 2 * w, 2 * d, this.outputs]);
    });
  }

  inputGrad(dy: Tensor): Tensor {
    return this.ops.tidy(() => this.ops.conv3d(this.#whole(dy), this.#filter.read(dy.dtype), HALVING));
  }

  addFilterGrad(x: Tensor, dy: Tensor): void {
    const gradient = this.ops.tidy(() => this.ops.conv3dFilterGrad(this.#whole(dy), this.#filter.shape, x, HALVING));
    this.#filter.addGradient(gradient);
  }

  #whole(dy: Tensor): Tensor {
    return this.ops.pad(dy, [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]);
  }
}

/**
 * Depthwise 3x3x3, weights [3, 3, 3, 1, c], as a dense convolution whose kernel is spread onto a diagonal: TensorFlow has no
 * depthwise 3D kernel, and for the few maps that CRLN has (R) the dense one is still cheap.
 */
export class DepthwiseKernel implements Kernel {
  readonly #filter: Parameter;
  readonly #identity: Float32Array;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#filter = weights.parameter(`${name}.weight`);
    const c = this.outputs;
    this.#identity = Float32Array.from({ length: c * c }, (_, i) => (i % (c + 1) === 0 ? 1 : 0));
  }

  get outputs(): number {
    return this.#filter.shape[4];
  }

  apply(x: Tensor): Tensor {
    const dense = this.#dense();
    const y = this.ops.conv3d(x, dense, SAME);
    this.ops.dispose(dense);
    return y;
  }

  inputGrad(dy: Tensor, inputShape: Shape): Tensor {
    const dense = this.#dense();
    const dx = this.ops.conv3dInputGrad(inputShape, dense, dy, SAME);
    this.ops.dispose(dense);
    return dx;
  }

  addFilterGrad(x: Tensor, dy: Tensor): void {
    const c = this.outputs;
    const diagonal = this.ops.tidy(() => {
      const dense = this.ops.conv3dFilterGrad(x, [3, 3, 3, c, c], dy, SAME);
      const identity = this.ops.fromHost(this.#identity, [c, c]);
      return this.ops.sum(this.ops.mul(dense, identity), [3], true);
    });
    this.#filter.addGradient(diagonal);
  }

  /** [3, 3, 3, c, c] */
  #dense(): Tensor {
    const c = this.outputs;
    return this.ops.tidy(() => this.ops.mul(this.#filter.read(), this.ops.fromHost(this.#identity, [c, c])));
  }
}
