import { STAGES, stageWidths, UNET_DEPTH, VNET_DEPTHS } from '../model/model-tensors.js';
import type { ModelSettings, StudyManifest } from '../protocol/study.js';
import { digestOfJson, type Digest } from '../canonical/canonical.js';
import type { NamedTensors } from '../tensors/host-tensor.js';
import { OnnxGraph, type Value } from './onnx-graph.js';
import { relationship } from './onnx-interaction.js';
import { OnnxLayers } from './onnx-layers.js';
import type { ProtobufWriter } from './protobuf.js';

const UPS = STAGES - 1;

/**
 * A model as ONNX: what inference computes of one window, raw voxels [n, channels, patch] -> class probabilities
 * [n, classes, patch]. The window's sides are fixed, because a layer norm of the network spans all of its voxels. What only
 * training reads (the representation head, priors) is left out. Throws ContainerError where the tensors are not the study's.
 */
export function onnxModel(study: StudyManifest, tensors: NamedTensors, modelDigest: Digest): ProtobufWriter {
  const { model } = study;
  const graph = new OnnxGraph();
  const layers = new OnnxLayers(graph, model, tensors);
  const { logits, levels } = backbone(layers, model, normalised(layers, 'image'));
  const [mu] = layers.weight('mu').data;
  const correction = layers.scale(relationship(layers, model, levels), 1 - mu);
  layers.softmax(layers.add(logits, correction), 1, 'probabilities');
  const ports = {
    input: { name: 'image', shape: ['windows', model.channels, ...model.patch] },
    output: { name: 'probabilities', shape: ['windows', model.classes, ...model.patch] },
  };
  return graph.model('crln', ports, metadata(study, modelDigest));
}

function metadata(study: StudyManifest, modelDigest: Digest): Record<string, string> {
  return {
    'consilium.format': 'consilium-onnx/1',
    'consilium.model': modelDigest,
    'consilium.study': study.name,
    'consilium.study_digest': digestOfJson(study),
    'consilium.class_names': JSON.stringify(study.classNames),
    'consilium.spacing_mm': JSON.stringify(study.spacing),
    'consilium.patch': JSON.stringify(study.model.patch),
    'consilium.axes': 'windows, channel, then x, y, z of RAS: towards the right, the front, the head',
    'consilium.normalisation': 'min-max to 0..1 of each window and channel, done within the graph',
    'consilium.intended_use': 'research; no medical device',
  };
}

/** Each window's channels to [0, 1], a constant one to 0; what is in that range already stays as it is. */
function normalised({ graph }: OnnxLayers, image: Value): Value {
  const reduce = (operator: string) => graph.apply(operator, [image], { axes: [2, 3, 4], keepdims: 1 });
  const [lowest, highest] = [reduce('ReduceMin'), reduce('ReduceMax')];
  const range = graph.apply('Sub', [highest, lowest]);
  const isFlat = graph.apply('Equal', [range, graph.scalar(0)]);
  const divisor = graph.apply('Where', [isFlat, graph.scalar(1), range]);
  return graph.apply('Div', [graph.apply('Sub', [image, lowest]), divisor]);
}

interface Features {
  logits: Value;
  /** The decoder's features at 1/4 and 1/2 resolution. */
  levels: readonly [Value, Value];
}

function backbone(layers: OnnxLayers, settings: ModelSettings, image: Value): Features {
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

function vnet(layers: OnnxLayers): Parts {
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

function unet(layers: OnnxLayers, settings: ModelSettings): Parts {
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
    down: (x) => layers.graph.apply('MaxPool', [x], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }),
    up: (x, k) => layers.relu(layers.batchNorm(layers.transposedConv(x, `unet.up.${k}.conv`), `unet.up.${k}.norm`)),
    decoder: (x, k) => stage(x, `unet.decoder.${k}`, widths[UPS - 1 - k]),
    join: (skip, up) => layers.graph.apply('Concat', [skip, up], { axis: 1 }),
  };
}
