import type { Digest } from '../canonical/canonical.js';
import type { StudyManifest } from '../protocol/study.js';
import type { NamedTensors } from '../tensors/host-tensor.js';
import { exportedNetwork, IMAGE, PROBABILITIES } from './crln-network.js';
import { modelMetadata } from './model-metadata.js';
import { modelWeights } from './model-weights.js';
import { OnnxGraph } from './onnx-graph.js';
import { OnnxLayers } from './onnx-layers.js';
import type { ProtobufWriter } from './protobuf.js';

const AXES = 'windows, channel, then x, y, z of RAS: towards the right, the front, the head';

/**
 * A model as ONNX: image [windows, channels, patch] -> probabilities [windows, classes, patch]. Throws ContainerError where the
 * tensors are not the study's.
 */
export function onnxModel(study: StudyManifest, tensors: NamedTensors, modelDigest: Digest): ProtobufWriter {
  const { model } = study;
  const graph = new OnnxGraph();
  exportedNetwork(new OnnxLayers(graph, modelWeights(model, tensors)), model);
  const ports = {
    input: { name: IMAGE, shape: ['windows', model.channels, ...model.patch] },
    output: { name: PROBABILITIES, shape: ['windows', model.classes, ...model.patch] },
  };
  const metadata = modelMetadata(study, modelDigest, 'consilium-onnx/1', AXES);
  const texts = Object.entries(metadata).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return graph.model('crln', ports, Object.fromEntries(texts) as Record<string, string>);
}
