import type { PreparedBatch } from '../crln/patches.js';
import type { FailureKind } from '../settings/failure.js';
import type { LeftOut } from '../volumes/index.js';
import type { Feed } from './batch-maker.js';

/** What the trainer and its data threads say to each other; `id` names the round's feed, of which the newest counts. */
export type ToDataWorker = { type: 'open'; id: number; feed: Feed } | { type: 'make'; id: number; step: number };

export type FromDataWorker =
  | { type: 'batch'; id: number; step: number; batch: PreparedBatch }
  | { type: 'left-out'; id: number; volume: LeftOut }
  | { type: 'failed'; id: number; step: number; kind: FailureKind; sentence: string };
