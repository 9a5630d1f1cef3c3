export { EXPORT_FORMATS, exportedModel, type ExportFormat } from './exported-model.js';
export { ProtobufWriter } from './protobuf.js';
