import { CommanderError } from 'commander';
import { EXIT_CODES, verifyCommand } from './verify-command.js';

try {
  await verifyCommand('consilium-verify').version('0.1.0').exitOverride().parseAsync();
} catch (error) {
  // Commander has said what it wants to say.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_CODES.usage;
}
