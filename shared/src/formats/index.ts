export { onnxModel } from './onnx-model.js';
export { ProtobufWriter } from './protobuf.js';
