import { Foundation1700000000000 } from './1700000000000-foundation.js';
import { TransfersAndQuarantine1700000002000 } from './1700000002000-transfers-and-quarantine.js';
import { DurableRounds1700000003000 } from './1700000003000-durable-rounds.js';
import { ServerOptimiser1700000004000 } from './1700000004000-server-optimiser.js';
import { TransparencyLog1700000005000 } from './1700000005000-transparency-log.js';
import { Identity1700000006000 } from './1700000006000-identity.js';
import { Rounds1700000007000 } from './1700000007000-rounds.js';
import { Releases1700000009000 } from './1700000009000-releases.js';
import { ContributionPhases1700000010000 } from './1700000010000-contribution-phases.js';
import { Consents1700000011000 } from './1700000011000-consents.js';
import { UpdateExposure1700000012500 } from './1700000012500-update-exposure.js';

/** In the order in which they run. A migration that has been released is never edited; a new one is added below it. */
export const migrations = [
  Foundation1700000000000,
  TransfersAndQuarantine1700000002000,
  DurableRounds1700000003000,
  ServerOptimiser1700000004000,
  TransparencyLog1700000005000,
  Identity1700000006000,
  Rounds1700000007000,
  Releases1700000009000,
  ContributionPhases1700000010000,
  Consents1700000011000,
  UpdateExposure1700000012500,
];
