import { Option, type Command } from 'commander';

/** Options that several commands share; each has a setting of the same name (settings/node-settings.ts). */
export function withHome(command: Command): Command {
  return command
    .option('--home <dir>', "this node's key, enrolment and state (default ~/.consilium/node)")
    .addOption(new Option('--log-level <level>', 'debug, info, warn, error or silent'))
    .addOption(new Option('--log-format <format>', 'text or json'));
}

export function withEngine(command: Command): Command {
  return command
    .option('--threads <n>', 'threads of the engine (default: every core)')
    .option('--cache <dir>', 'resampled volumes (default: cache/ of the home)')
    .option('--memory-megabytes <n>', 'memory for volumes')
    .option('--cache-megabytes <n>', 'disk for resampled volumes (default 51200)')
    .option('--overlap <share>', 'of neighbouring windows when predicting, 0 to 0.9 (default 0.5)')
    .option('--stride <HxWxD>', 'voxels between windows, in place of an overlap; the method was published with 18x18x4')
    .option('--weighting <how>', "of a window's voxels when predicting: uniform or gaussian (default uniform)")
    .option('--batch <n>', 'windows that go through the network together when predicting (default 1)')
    .option('--precision <type>', 'of convolutions when training: float32 or bf16 (default float32)')
    .option('--allow-javascript-engine', 'go on without TensorFlow: right, and 150 times slower');
}

export function withModel(command: Command): Command {
  return command
    .option('--model <file>', "a model's blob (default: the released one, else the newest that this node has)")
    .option('--study <file>', "the study's manifest as JSON (default: that of the released or newest model)");
}
