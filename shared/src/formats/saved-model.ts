import { canonicalJson, type Digest } from '../canonical/canonical.js';
import type { StudyManifest } from '../protocol/study.js';
import type { NamedTensors } from '../tensors/host-tensor.js';
import { exportedNetwork, IMAGE, PROBABILITIES } from './crln-network.js';
import { modelMetadata } from './model-metadata.js';
import { modelWeights } from './model-weights.js';
import { ProtobufWriter } from './protobuf.js';
import { mapEntry, TensorFlowGraph, tensorInfo } from './tensorflow-graph.js';
import { TensorFlowLayers } from './tensorflow-layers.js';

const SCHEMA_VERSION = 1;
const TAG = 'serve';
const SIGNATURE = 'serving_default';
const METHOD = 'tensorflow/serving/predict';
const AXES = 'windows, then x, y, z of RAS: towards the right, the front, the head; channel';

/** The content of files in pieces, by their names. */
export type Files = ReadonlyMap<string, readonly Uint8Array[]>;

/**
 * A model as TensorFlow's SavedModel: image [windows, patch, channels] -> probabilities [windows, patch, classes]. Weights are
 * constants of the graph, so that there are no files of variables. Throws ContainerError where the tensors are not the study's.
 */
export function savedModel(study: StudyManifest, tensors: NamedTensors, modelDigest: Digest): Files {
  const { model } = study;
  const ports = { image: [-1, ...model.patch, model.channels], probabilities: [-1, ...model.patch, model.classes] };
  const graph = new TensorFlowGraph();
  graph.placeholder(IMAGE, ports.image);
  exportedNetwork(new TensorFlowLayers(graph, modelWeights(model, tensors), ports.probabilities), model);
  const signature = new ProtobufWriter()
    .message(1, mapEntry(IMAGE, tensorInfo(IMAGE, ports.image)))
    .message(2, mapEntry(PROBABILITIES, tensorInfo(PROBABILITIES, ports.probabilities)))
    .text(3, METHOD);
  // The numbers of the fields are those of meta_graph.proto and saved_model.proto in tensorflow/core/protobuf.
  const metaGraph = new ProtobufWriter()
    .message(1, new ProtobufWriter().text(4, TAG))
    .message(2, graph.definition())
    .message(5, mapEntry(SIGNATURE, signature));
  const whole = new ProtobufWriter().integer(1, SCHEMA_VERSION).message(2, metaGraph);
  const metadata = modelMetadata(study, modelDigest, 'consilium-saved-model/1', AXES);
  return new Map([
    ['saved_model.pb', whole.pieces()],
    ['consilium.json', [new TextEncoder().encode(canonicalJson(metadata))]],
  ]);
}
