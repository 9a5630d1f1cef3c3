import { STAGES, stageWidths, UNET_DEPTH, VNET_DEPTHS } from '../model/model-tensors.js';
import type { ModelSettings } from '../protocol/study.js';
import { relationship } from './crln-interaction.js';
import type { NetworkLayers } from './network-layers.js';
import type { Value } from './tensor-graph.js';

const UPS = STAGES - 1;

/** The names of what an exported network takes and gives. */
export const IMAGE = 'image';
export const PROBABILITIES = 'probabilities';

/**
 * What inference computes of one window, in every format: raw voxels `image` -> class `probabilities`. The window's sides are
 * fixed, because a layer norm of the network spans all of its voxels. What only training reads (the representation head,
 * priors) is left out.
 */
export function exportedNetwork(layers: NetworkLayers, settings: ModelSettings): Value {
  const { logits, levels } = backbone(layers, settings, layers.normalised(IMAGE));
  const [mu] = layers.weights('mu').data;
  const correction = layers.scale(relationship(layers, settings, levels), 1 - mu);
  return layers.probabilities(layers.add(logits, correction), PROBABILITIES);
}

interface Features {
  logits: Value;
  /** The decoder's features at 1/4 and 1/2 resolution. */
  levels: readonly [Value, Value];
}

function backbone(layers: NetworkLayers, settings: ModelSettings, image: Value): Features {
  const parts = settings.backbone === 'vnet' ? vnet(layers) : unet(layers, settings);
  const skips: Value[] = [];
  let x = image;
  for (let i = 0; i < STAGES; i++) {
    x = parts.encoder(x, i);
    if (i === UPS) break;
    skips.push(x);
    x = parts.down(x, i);
  }
  const decoded: Value[] = [];
  for (let k = 0; k < UPS; k++) {
    x = parts.decoder(parts.join(skips.pop()!, parts.up(x, k)), k);
    decoded.push(x);
  }
  return { logits: layers.conv(x, `${parts.name}.segment`), levels: [decoded[1], decoded[2]] };
}

type Step = (x: Value, index: number) => Value;
interface Parts {
  readonly name: string;
  readonly encoder: Step;
  readonly down: Step;
  readonly up: Step;
  readonly decoder: Step;
  readonly join: (skip: Value, up: Value) => Value;
}

function vnet(layers: NetworkLayers): Parts {
  const unit = (convolved: Value, name: string) => layers.relu(layers.batchNorm(convolved, `${name}.norm`));
  const conv = (x: Value, name: string) => unit(layers.conv(x, `${name}.conv`), name);
  const stage = (x: Value, name: string, depth: number) => {
    for (let j = 0; j < depth; j++) x = conv(x, `${name}.${j}`);
    return x;
  };
  return {
    name: 'vnet',
    encoder: (x, i) => stage(x, `vnet.encoder.${i}`, VNET_DEPTHS[i]),
    down: (x, i) => conv(x, `vnet.down.${i}`),
    up: (x, k) => unit(layers.transposedConv(x, `vnet.up.${k}.conv`), `vnet.up.${k}`),
    decoder: (x, k) => stage(x, `vnet.decoder.${k}`, VNET_DEPTHS[UPS - 1 - k]),
    join: (skip, up) => layers.add(up, skip),
  };
}

function unet(layers: NetworkLayers, settings: ModelSettings): Parts {
  const widths = stageWidths(settings);
  const stage = (x: Value, name: string, width: number) => {
    for (let j = 0; j < UNET_DEPTH; j++) {
      // Instance norm takes the bias out again.
      const convolved = layers.conv(x, `${name}.${j}.conv`, { bias: false });
      x = layers.relu(layers.instanceNorm(convolved, width));
    }
    return x;
  };
  return {
    name: 'unet',
    encoder: (x, i) => stage(x, `unet.encoder.${i}`, widths[i]),
    down: (x) => layers.maxPool(x),
    up: (x, k) => layers.relu(layers.batchNorm(layers.transposedConv(x, `unet.up.${k}.conv`), `unet.up.${k}.norm`)),
    decoder: (x, k) => stage(x, `unet.decoder.${k}`, widths[UPS - 1 - k]),
    join: (skip, up) => layers.concat(skip, up),
  };
}
