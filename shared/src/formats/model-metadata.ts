import { digestOfJson, type Digest } from '../canonical/canonical.js';
import type { StudyManifest } from '../protocol/study.js';

/** What whoever runs an exported model has to know of it, and where it is from. `axes`: of the windows that it takes. */
export function modelMetadata(study: StudyManifest, modelDigest: Digest, format: string, axes: string) {
  return {
    'consilium.format': format,
    'consilium.model': modelDigest,
    'consilium.study': study.name,
    'consilium.study_digest': digestOfJson(study),
    'consilium.class_names': study.classNames,
    'consilium.spacing_mm': study.spacing,
    'consilium.patch': study.model.patch,
    'consilium.axes': axes,
    'consilium.normalisation': 'min-max to 0..1 of each window and channel, done within the graph',
    'consilium.intended_use': 'research; no medical device',
  };
}
