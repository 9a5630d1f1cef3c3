import type { Digest } from '../canonical/canonical.js';
import type { StudyManifest } from '../protocol/study.js';
import type { NamedTensors } from '../tensors/host-tensor.js';
import { onnxModel } from './onnx-model.js';
import { savedModel, type Files } from './saved-model.js';

export const EXPORT_FORMATS = ['onnx', 'saved-model'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** One file, or those of a folder; its content in pieces. */
export type ExportedModel = { readonly file: readonly Uint8Array[] } | { readonly folder: Files };

/** A model for other software. Throws ContainerError where the tensors are not the study's. */
export function exportedModel(
  format: ExportFormat,
  study: StudyManifest,
  tensors: NamedTensors,
  modelDigest: Digest,
): ExportedModel {
  return format === 'onnx'
    ? { file: onnxModel(study, tensors, modelDigest).pieces() }
    : { folder: savedModel(study, tensors, modelDigest) };
}
