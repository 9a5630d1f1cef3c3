import type { ModelSettings } from '../protocol/study.js';
import { batchNorm, conv, layerNorm, linear, transposedConv, type TensorSpec } from './tensor-spec.js';

/** Stages from full to 1/16 resolution. */
export const STAGES = 5;
/** Convolutions of each V-Net encoder stage; the decoder repeats them backwards without the last. */
export const VNET_DEPTHS = [1, 2, 3, 3, 3] as const;
/** Convolutions of each stage of the 3D U-Net. */
export const UNET_DEPTH = 2;

/** Channels of each stage: f, 2f, 4f, 8f, 16f. */
export function stageWidths(settings: ModelSettings): number[] {
  return Array.from({ length: STAGES }, (_, i) => settings.width * 2 ** i);
}

export interface InteractionShape {
  /** Channels of the level's features. */
  readonly features: number;
  /** Channels of the prototypes that it hands on. */
  readonly next: number;
  /** Voxels of a patch at the level's resolution. */
  readonly space: readonly [number, number, number];
}

/** What the two levels of the Dynamic Interaction Module read: decoder features at 1/4 and 1/2 resolution. */
export function interactionLevels(settings: ModelSettings): readonly [InteractionShape, InteractionShape] {
  const at = (divisor: number) => settings.patch.map((side) => side / divisor) as [number, number, number];
  const [quarter, half] = [4 * settings.width, 2 * settings.width];
  return [
    { features: quarter, next: half, space: at(4) },
    { features: half, next: half, space: at(2) },
  ];
}

/**
 * Every tensor of a CRLN model, in the network's order: the one list of names and shapes. Names are those of the PyTorch
 * reference, layouts TensorFlow's: convolution [h, w, d, in, out], transposed [h, w, d, out, in], linear [in, out].
 * A model container (base, update, committed version) holds exactly these.
 */
export function modelTensors(settings: ModelSettings): TensorSpec[] {
  const { classes, prototypes } = settings;
  return [
    ...(settings.backbone === 'vnet' ? vnet(settings) : unet(settings)),
    ...interactionLevels(settings).flatMap((level, i) => interactionLevel(`dim.${i}`, level, prototypes)),
    { name: 'prototypes', shape: [classes, prototypes, 4 * settings.width], kind: 'prototype', init: { as: 'zeros' } },
    ...transposedConv('upsample', [2, 2, 2], classes, classes),
    { name: 'mu', shape: [1], kind: 'scalar', init: { as: 'zeros' } },
    prior('class_means', [classes, prototypes]),
    prior('class_spread', [classes, prototypes]),
    prior('class_support', [classes]),
    prior('prototype_support', [classes, prototypes]),
  ];
}

function prior(name: string, shape: readonly number[]): TensorSpec {
  return { name: `prior.${name}`, shape, kind: 'prior', init: { as: 'zeros' } };
}

function vnet(settings: ModelSettings): TensorSpec[] {
  const w = stageWidths(settings);
  const unit = (name: string, inputs: number, outputs: number) => [
    ...conv(`${name}.conv`, [3, 3, 3], inputs, outputs),
    ...batchNorm(`${name}.norm`, outputs),
  ];
  const specs: TensorSpec[] = [];
  for (let i = 0; i < STAGES; i++) {
    for (let j = 0; j < VNET_DEPTHS[i]; j++) {
      specs.push(...unit(`vnet.encoder.${i}.${j}`, i === 0 && j === 0 ? settings.channels : w[i], w[i]));
    }
    if (i === STAGES - 1) break;
    specs.push(
      ...conv(`vnet.down.${i}.conv`, [2, 2, 2], w[i], w[i + 1]),
      ...batchNorm(`vnet.down.${i}.norm`, w[i + 1]),
    );
  }
  for (let k = 0; k < STAGES - 1; k++) {
    const i = STAGES - 2 - k;
    specs.push(
      ...transposedConv(`vnet.up.${k}.conv`, [2, 2, 2], w[i + 1], w[i]),
      ...batchNorm(`vnet.up.${k}.norm`, w[i]),
    );
    for (let j = 0; j < VNET_DEPTHS[i]; j++) specs.push(...unit(`vnet.decoder.${k}.${j}`, w[i], w[i]));
  }
  return [...specs, ...heads('vnet', settings)];
}

/** Instance norm has no tensors of its own; the transposed convolutions keep their width. */
function unet(settings: ModelSettings): TensorSpec[] {
  const w = stageWidths(settings);
  const specs: TensorSpec[] = [];
  for (let i = 0; i < STAGES; i++) {
    for (let j = 0; j < UNET_DEPTH; j++) {
      const inputs = j > 0 ? w[i] : i > 0 ? w[i - 1] : settings.channels;
      specs.push(...conv(`unet.encoder.${i}.${j}.conv`, [3, 3, 3], inputs, w[i]));
    }
  }
  for (let k = 0; k < STAGES - 1; k++) {
    const i = STAGES - 2 - k;
    const below = w[i + 1];
    specs.push(
      ...transposedConv(`unet.up.${k}.conv`, [3, 3, 3], below, below),
      ...batchNorm(`unet.up.${k}.norm`, below),
    );
    for (let j = 0; j < UNET_DEPTH; j++) {
      specs.push(...conv(`unet.decoder.${k}.${j}.conv`, [3, 3, 3], j > 0 ? w[i] : below + w[i], w[i]));
    }
  }
  return [...specs, ...heads('unet', settings)];
}

function heads(backbone: string, { width, classes, prototypes }: ModelSettings): TensorSpec[] {
  return [
    ...conv(`${backbone}.segment`, [1, 1, 1], width, classes),
    ...conv(`${backbone}.represent.conv`, [3, 3, 3], width, prototypes, { bias: false }),
    ...batchNorm(`${backbone}.represent.norm`, prototypes),
    ...conv(`${backbone}.represent.out`, [1, 1, 1], prototypes, prototypes),
  ];
}

/** One level of the Dynamic Interaction Module; its map norm spans all voxels of a patch at the level's resolution. */
function interactionLevel(name: string, { features, next, space }: InteractionShape, prototypes: number): TensorSpec[] {
  return [
    ...conv(`${name}.project`, [1, 1, 1], features, features),
    ...['token_norm', 'query_norm', 'key_norm', 'mlp_norm'].flatMap((norm) => layerNorm(`${name}.${norm}`, features)),
    ...linear(`${name}.q`, features, features),
    ...linear(`${name}.kv`, features, 2 * features),
    ...linear(`${name}.out`, features, features),
    ...linear(`${name}.mlp_in`, features, 4 * features),
    ...linear(`${name}.mlp_out`, 4 * features, features),
    ...layerNorm(`${name}.map_norm`, space[0] * space[1] * space[2]),
    ...conv(`${name}.depthwise`, [3, 3, 3], 1, prototypes, { bias: false }),
    ...batchNorm(`${name}.depthwise_norm`, prototypes),
    ...conv(`${name}.pointwise`, [1, 1, 1], prototypes, prototypes, { bias: false }),
    ...batchNorm(`${name}.pointwise_norm`, prototypes),
    ...conv(`${name}.cue`, [1, 1, 1], prototypes, 1),
    ...linear(`${name}.to_next`, features, next),
  ];
}
