export * from './merkle-hash.js';
export type { NodePlace } from './node-places.js';
export { nodesForConsistency, nodesForInclusion, nodesForRoot } from './node-places.js';
export * from './merkle-proofs.js';
export * from './merkle-frontier.js';
export * from './merkle-tree.js';
export { formatVerifierKey, isKeyName, parseSignatureLine, parseVerifierKey } from './signed-note.js';
export * from './checkpoint.js';
export * from './log-export.js';
