import type { Command } from 'commander';
import type { Settings } from './settings.js';

/** What groups of the server's commands are given. */
export interface Surroundings {
  /** Adds the options that say which server is meant. */
  place: (command: Command) => Command;
  settings: (flags: Record<string, unknown>) => Settings;
  say: (sentence: string) => void;
}
