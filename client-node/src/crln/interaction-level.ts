import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import { Gelu } from './layers/gelu.js';
import { noBackward, Sequence, type Layer, type Pass } from './layers/layer.js';
import { LayerNorm } from './layers/layer-norm.js';
import { Linear } from './layers/linear.js';
import { Residual } from './layers/residual.js';
import { PrototypeAttention } from './prototype-attention.js';
import { ProximityMap } from './proximity-map.js';
import { Widen } from './layers/widen.js';
import type { Weights } from './weights.js';

export interface LevelForwarded {
  /** Prototypes for the next level [b, n, next]; null at the last level. */
  readonly prototypes: Tensor | null;
  /** [b, h, w, d, C] at the level's resolution; null where nothing reads it. */
  readonly cue: Tensor | null;
  /** From the gradient of whichever of the two the loss reached; takes it over. */
  readonly backward: (gradient: Tensor) => { dPrototypes: Tensor; dFeatures: Tensor };
}

/**
 * One level of the Dynamic Interaction Module. The first hands its attended prototypes on and its cue is read by nobody,
 * though its batch norms see the maps; the last gives the cue, and its attended values are read by nobody.
 */
export class InteractionLevel {
  readonly #tokens: Layer;
  readonly #attention: PrototypeAttention;
  readonly #refine: Layer;
  readonly #map: ProximityMap;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
    private readonly role: 'first' | 'last',
    classes: number,
    space: readonly [number, number, number],
  ) {
    const linear = (which: string) => new Linear(ops, weights, `${name}.${which}`);
    const norm = (which: string) => new LayerNorm(ops, weights, `${name}.${which}_norm`);
    this.#tokens = new Sequence([new Widen(ops), linear('project'), norm('token'), norm('key')]);
    this.#attention = new PrototypeAttention(ops, weights, name);
    const mlp = new Sequence([norm('mlp'), linear('mlp_in'), new Gelu(ops), linear('mlp_out')]);
    this.#refine = new Sequence([new Residual(ops, null), new Residual(ops, mlp), linear('to_next')]);
    this.#map = new ProximityMap(ops, weights, name, classes, space);
  }

  /** prototypes [b, n, f] and features [b, h, w, d, f], both taken over. */
  forward(prototypes: Tensor, features: Tensor, pass: Pass): LevelForwarded {
    const { ops } = this;
    const shape = features.shape;
    const [b, f] = [shape[0], shape[4]];
    const flat = ops.reshape(features, [b, shape[1] * shape[2] * shape[3], f]);
    ops.dispose(features);
    const tokens = this.#tokens.forward(flat, pass);
    const attended = this.#attention.forward(prototypes, tokens.output, this.role === 'first', pass);
    const backward = (dProximity: Tensor | null, dValues: Tensor | null) => {
      const { dPrototypes, dTokens } = attended.backward(dProximity, dValues);
      const dFlat = tokens.backward(dTokens);
      const dFeatures = ops.reshape(dFlat, shape);
      ops.dispose(dFlat);
      return { dPrototypes, dFeatures };
    };
    if (attended.values === null) {
      const map = this.#map.forward(attended.proximity, pass);
      return { prototypes: null, cue: map.output, backward: (dCue) => backward(map.backward(dCue), null) };
    }
    this.#observe(attended.proximity, pass);
    const refined = this.#refine.forward(attended.values, pass);
    const after = pass.gradient ? (d: Tensor) => backward(null, refined.backward(d)) : (noBackward as never);
    return { prototypes: refined.output, cue: null, backward: after };
  }

  /** Shows the maps of the first level to their batch norms, whose running moments belong to the model. */
  #observe(proximity: Tensor, pass: Pass): void {
    if (pass.statistics === 'running') this.ops.dispose(proximity);
    else this.ops.dispose(this.#map.forward(proximity, { ...pass, gradient: false }).output);
  }
}
