import { interactionLevels, type InteractionShape } from '../model/model-tensors.js';
import type { ModelSettings } from '../protocol/study.js';
import type { NetworkLayers } from './network-layers.js';
import type { Value } from './tensor-graph.js';

/**
 * The Dynamic Interaction Module's map M (features of one channel per class) from the decoder's features at 1/4 and 1/2 resolution, as
 * client-node/src/crln/interaction.ts computes it: the coarse level refines the prototypes, the fine one gives the map.
 */
export function relationship(layers: NetworkLayers, settings: ModelSettings, levels: readonly [Value, Value]): Value {
  const [coarse, fine] = interactionLevels(settings);
  const queries = prototypes(layers, settings);
  const first = attend(layers, 'dim.0', coarse, queries, levels[0]);
  const refined = refine(layers, 'dim.0', coarse.features, first);
  const last = attend(layers, 'dim.1', fine, refined, levels[1]);
  const cue = cueOf(layers, 'dim.1', settings, fine.space, last.proximity);
  return layers.relu(layers.transposedConv(cue, 'upsample'));
}

/** [1, C R, f]; the products that they enter repeat them for each window. */
function prototypes(layers: NetworkLayers, { classes }: ModelSettings): Value {
  const { shape, data } = layers.weights('prototypes');
  return layers.constant('prototypes', [1, classes * shape[1], shape[2]], data);
}

interface Attended {
  /** [n, voxels, f] */
  tokens: Value;
  /** [n, C R, voxels] */
  proximity: Value;
}

/** Scores before the softmax: q (t Wk + bk)^T, with keys' projection moved to the few prototypes' side. */
function attend(
  layers: NetworkLayers,
  name: string,
  level: InteractionShape,
  queries: Value,
  features: Value,
): Attended {
  const { features: f } = level;
  const flat = layers.tokens(features, level);
  const projected = layers.layerNorm(layers.linear(flat, `${name}.project`), `${name}.token_norm`);
  const tokens = layers.layerNorm(projected, `${name}.key_norm`);
  const query = layers.scale(layers.linear(layers.layerNorm(queries, `${name}.query_norm`), `${name}.q`), f ** -0.5);
  const bias = layers.weights(`${name}.kv.bias`).data;
  const key = layers.transpose(half(layers, `${name}.kv.weight`, 'key', f), 1, 0);
  const offset = layers.multiply(query, layers.constant(`${name}.key.bias`, [f, 1], bias.slice(0, f)));
  const score = layers.multiply(layers.multiply(query, key), layers.transpose(tokens, 0, 2, 1));
  return { tokens, proximity: layers.add(score, offset) };
}

/** The prototypes for the next level [n, C R, next], from the values that they attended to. */
function refine(layers: NetworkLayers, name: string, f: number, { tokens, proximity }: Attended): Value {
  const attended = layers.multiply(layers.softmax(proximity), tokens);
  const bias = layers.weights(`${name}.kv.bias`).data;
  const values = layers.add(
    layers.multiply(attended, half(layers, `${name}.kv.weight`, 'value', f)),
    layers.constant(`${name}.value.bias`, [f], bias.slice(f)),
  );
  const doubled = layers.scale(layers.linear(values, `${name}.out`), 2);
  const hidden = layers.gelu(layers.linear(layers.layerNorm(doubled, `${name}.mlp_norm`), `${name}.mlp_in`));
  return layers.linear(layers.add(doubled, layers.linear(hidden, `${name}.mlp_out`)), `${name}.to_next`);
}

/** One cue per voxel and class (features of C channels), from the maps of each class's R prototypes. */
function cueOf(
  layers: NetworkLayers,
  name: string,
  { classes, prototypes: r }: ModelSettings,
  space: InteractionShape['space'],
  proximity: Value,
): Value {
  const doubled = layers.scale(proximity, 2);
  const normed = layers.add(doubled, layers.layerNorm(doubled, `${name}.map_norm`));
  // A class's maps become the channels of one volume.
  const volumes = layers.features(normed, r, space);
  const unit = (convolved: Value, which: string) => layers.relu(layers.batchNorm(convolved, `${name}.${which}_norm`));
  const each = unit(layers.depthwiseConv(volumes, `${name}.depthwise`), 'depthwise');
  const mixed = unit(layers.conv(each, `${name}.pointwise`, { bias: false }), 'pointwise');
  return layers.features(layers.conv(mixed, `${name}.cue`), classes, space);
}

/** Wk or Wv [f, f] of the kv matrix [f, 2 f]. */
function half(layers: NetworkLayers, name: string, which: 'key' | 'value', f: number): Value {
  const { data } = layers.weights(name);
  const from = which === 'key' ? 0 : f;
  const part = new Float32Array(f * f);
  for (let row = 0; row < f; row++) {
    part.set(data.subarray(row * 2 * f + from, row * 2 * f + from + f), row * f);
  }
  return layers.constant(name.replace('kv', which), [f, f], part);
}
