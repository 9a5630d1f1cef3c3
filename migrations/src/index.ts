import { Foundation1700000000000 } from './1700000000000-foundation.js';

/** In the order in which they run. A migration that has been released is never edited; a new one is added below it. */
export const migrations = [Foundation1700000000000];
