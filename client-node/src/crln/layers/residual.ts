import type { Ops } from '../../engine/ops.js';
import type { Tensor } from '../../engine/tensor.js';
import { addInto, noBackward, share, type Forwarded, type Layer, type Pass } from './layer.js';

/** x -> f(x), scaled per sample where drop-path is on. */
export class DropPath implements Layer {
  constructor(private readonly ops: Ops) {}

  /** x [b, ...], taken over. */
  forward(x: Tensor, pass: Pass): Forwarded {
    if (pass.dropping === undefined) return { output: x, backward: (dOutput) => dOutput };
    const factors = pass.dropping.paths(x.shape[0]);
    const scale = (y: Tensor) => {
      const scaled = this.ops.tidy(() =>
        this.ops.mul(y, this.ops.fromHost(factors, [y.shape[0], ...y.shape.slice(1).map(() => 1)])),
      );
      this.ops.dispose(y);
      return scaled;
    };
    return { output: scale(x), backward: pass.gradient ? scale : noBackward };
  }
}

/** x + dropPath(f(x)); with no f, x + dropPath(x), as CRLN's attention adds what it attended onto itself. */
export class Residual implements Layer {
  readonly #dropPath: DropPath;

  constructor(
    private readonly ops: Ops,
    private readonly branch: Layer | null,
  ) {
    this.#dropPath = new DropPath(ops);
  }

  forward(x: Tensor, pass: Pass): Forwarded {
    const { ops } = this;
    const branched = this.branch?.forward(share(ops, x), pass) ?? { output: share(ops, x), backward: (d: Tensor) => d };
    const dropped = this.#dropPath.forward(branched.output, pass);
    const output = addInto(ops, x, dropped.output);
    const backward = (dOutput: Tensor): Tensor => {
      const dBranch = branched.backward(dropped.backward(share(ops, dOutput)));
      return addInto(ops, dOutput, dBranch);
    };
    return { output, backward: pass.gradient ? backward : noBackward };
  }
}
