import type { Ops } from '../engine/ops.js';
import type { Tensor } from '../engine/tensor.js';
import { noBackward, Sequence, type Backward, type Layer, type Pass } from './layers/layer.js';
import { LayerNorm } from './layers/layer-norm.js';
import { Linear } from './layers/linear.js';
import type { Parameter, Weights } from './weights.js';

/** What a prototype query found among the voxels. */
export interface Attended {
  /** Scores before the softmax [b, n, voxels]: how near each prototype is to each voxel. */
  readonly proximity: Tensor;
  /** Attended values [b, n, f]; null where they were not asked for. */
  readonly values: Tensor | null;
  /** dLoss/dPrototypes and dLoss/dTokens; takes both gradients over, null where the loss does not depend on one. */
  readonly backward: (dProximity: Tensor | null, dValues: Tensor | null) => { dPrototypes: Tensor; dTokens: Tensor };
}

/**
 * Cross-attention with one head: prototypes [b, n, f] are the queries, voxels [b, v, f] keys and values.
 *
 * Keys and values are linear in the tokens, so their projections are moved to the few prototypes' side, where they cost
 * next to nothing: q (t Wk + bk)^T = (q Wk^T) t^T + q bk^T, and with a softmax that sums to 1, s (t Wv + bv) = (s t) Wv + bv.
 */
export class PrototypeAttention {
  readonly #query: Layer;
  readonly #out: Layer;
  readonly #kvWeight: Parameter;
  readonly #kvBias: Parameter;

  constructor(
    private readonly ops: Ops,
    weights: Weights,
    name: string,
  ) {
    this.#query = new Sequence([
      new LayerNorm(ops, weights, `${name}.query_norm`),
      new Linear(ops, weights, `${name}.q`),
    ]);
    this.#out = new Linear(ops, weights, `${name}.out`);
    this.#kvWeight = weights.parameter(`${name}.kv.weight`);
    this.#kvBias = weights.parameter(`${name}.kv.bias`);
  }

  /** Takes both inputs over. `wantValues`: false where only the proximity is of use. */
  forward(prototypes: Tensor, tokens: Tensor, wantValues: boolean, pass: Pass): Attended {
    const { ops } = this;
    const query = this.#query.forward(prototypes, pass);
    const proximity = ops.tidy(() => {
      const { wk, bk, scale } = this.#projections();
      const projected = ops.mul(this.#perFeature(query.output, wk, true), scale);
      const offset = ops.mul(ops.sum(ops.mul(query.output, bk), [2], true), scale);
      return ops.add(ops.matMul(projected, tokens, { transposeB: true }), offset);
    });
    const attention = wantValues ? ops.softmax(proximity) : null;
    if (attention !== null) pass.onAttention?.(attention);
    const attended = attention === null ? null : ops.matMul(attention, tokens);
    const out = attended === null ? null : this.#out.forward(this.#values(attended), pass);
    const kept = { query: query.output, tokens, attention, attended };
    if (!pass.gradient) {
      this.#dispose(kept);
      return { proximity, values: out?.output ?? null, backward: noBackward as never };
    }
    const backward: Attended['backward'] = (dProximity, dValues) => {
      if ((dValues === null) !== (out === null)) throw new Error('attention: values and their gradient go together');
      const dOut = dValues === null ? null : out!.backward(dValues);
      return this.#backward(kept, dProximity, dOut, query.backward);
    };
    return { proximity, values: out?.output ?? null, backward };
  }

  #backward(kept: Kept, dProximity: Tensor | null, dOut: Tensor | null, queryBackward: Backward) {
    const { ops } = this;
    const { tokens, query } = kept;
    const result = ops.tidy(() => {
      const { wk, bk, scale, f } = this.#projections();
      const value = dOut === null ? null : this.#valueGradients(kept, dOut);
      let dScore = value?.dScore ?? dProximity!;
      if (value !== null && dProximity !== null) dScore = ops.add(dScore, dProximity);
      dScore = ops.mul(dScore, scale);
      const dProjected = ops.matMul(dScore, tokens); // [b, n, f]
      const dOffset = ops.sum(dScore, [2], true); // [b, n, 1]
      const dQuery = ops.add(this.#perFeature(dProjected, wk, false), ops.mul(dOffset, bk));
      const projected = this.#perFeature(query, wk, true);
      const dFromScore = ops.matMul(dScore, projected, { transposeA: true });
      const dTokens = value === null ? dFromScore : ops.add(dFromScore, value.dTokens);
      const rows = (x: Tensor) => ops.reshape(x, [-1, f]);
      const dWk = ops.matMul(rows(dProjected), rows(query), { transposeA: true });
      const dBk = ops.sum(ops.mul(dOffset, query), [0, 1]);
      const dWv = value?.dWv ?? ops.mul(dWk, 0);
      const dBv = value?.dBv ?? ops.mul(dBk, 0);
      return { dQuery, dTokens, dWeight: ops.concat([dWk, dWv], 1), dBias: ops.concat([dBk, dBv], 0) };
    });
    this.#dispose(kept);
    for (const gradient of [dProximity, dOut]) if (gradient !== null) ops.dispose(gradient);
    this.#kvWeight.addGradient(result.dWeight);
    this.#kvBias.addGradient(result.dBias);
    return { dPrototypes: queryBackward(result.dQuery), dTokens: result.dTokens };
  }

  /** Through (s t) Wv + bv and the softmax; `dOut` [b, n, f]. */
  #valueGradients({ tokens, attention, attended }: Kept, dOut: Tensor) {
    const { ops } = this;
    const { wv, f } = this.#projections();
    const rows = (x: Tensor) => ops.reshape(x, [-1, f]);
    const dAttended = this.#perFeature(dOut, wv, true);
    const dAttention = ops.matMul(dAttended, tokens, { transposeB: true });
    const level = ops.sum(ops.mul(dAttention, attention!), [2], true);
    return {
      dScore: ops.mul(attention!, ops.sub(dAttention, level)),
      dTokens: ops.matMul(attention!, dAttended, { transposeA: true }),
      dWv: ops.matMul(rows(attended!), rows(dOut), { transposeA: true }),
      dBv: ops.sum(dOut, [0, 1]),
    };
  }

  /** attended [b, n, f] -> attended Wv + bv */
  #values(attended: Tensor): Tensor {
    const { ops } = this;
    return ops.tidy(() => {
      const { wv, bv } = this.#projections();
      return ops.add(this.#perFeature(attended, wv, false), bv);
    });
  }

  /** x [b, n, f] times a matrix [f, f]. */
  #perFeature(x: Tensor, matrix: Tensor, transposeB: boolean): Tensor {
    const f = x.shape[2];
    const product = this.ops.matMul(this.ops.reshape(x, [-1, f]), matrix, { transposeB });
    return this.ops.reshape(product, x.shape);
  }

  /** The two halves of kv: Wk, Wv [f, f], bk, bv [f]. Inside a tidy. */
  #projections() {
    const { ops } = this;
    const f = this.#kvWeight.shape[0];
    const weight = this.#kvWeight.read();
    const bias = this.#kvBias.read();
    return {
      f,
      scale: f ** -0.5,
      wk: ops.slice(weight, [0, 0], [f, f]),
      wv: ops.slice(weight, [0, f], [f, f]),
      bk: ops.slice(bias, [0], [f]),
      bv: ops.slice(bias, [f], [f]),
    };
  }

  #dispose({ query, tokens, attention, attended }: Kept): void {
    this.ops.dispose(
      query,
      tokens,
      ...(attention === null ? [] : [attention]),
      ...(attended === null ? [] : [attended]),
    );
  }
}

interface Kept {
  readonly query: Tensor;
  readonly tokens: Tensor;
  readonly attention: Tensor | null;
  readonly attended: Tensor | null;
}
