export type { KeptCheckpoint } from './checkpoint-check.js';
export type { Problem } from './findings.js';
export { LogVerifier, NotAnExport, type Verdict, type VerifierSettings } from './log-verifier.js';
export type { CommittedRound } from './round-record.js';
