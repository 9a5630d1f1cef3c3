import { z } from 'zod';
import { Precision } from '../engine/precision.js';
import { JobLoop } from './job-loop.js';
import { createJobRunner } from './job-runner.js';
import type { FromTrainer, ToTrainer } from './messages.js';
import { Workshop } from './workshop.js';

/** Entry of the process that computes: started by TrainerProcess with an IPC channel and its options as the one argument. */
const Options = z.object({
  threads: z.int(),
  cache: z.string(),
  memoryMegabytes: z.number(),
  cacheMegabytes: z.number(),
  dataWorkers: z.int(),
  checkpointSeconds: z.number(),
  inference: z.object({
    overlap: z.number(),
    stride: z.tuple([z.int(), z.int(), z.int()]).nullable(),
    weighting: z.enum(['uniform', 'gaussian']),
    batch: z.int(),
  }),
  precision: Precision,
  allowJavascriptEngine: z.boolean(),
});

function send(message: FromTrainer): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const options = Options.parse(JSON.parse(process.argv[2] ?? '{}'));
const workshop = new Workshop(options, (level, sentence) => send({ type: 'note', level, sentence }));
const loop = new JobLoop(createJobRunner(workshop), send);
process.on('message', (message: ToTrainer) => loop.receive(message));
// Without its agent there is nobody to compute for.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole terminal; the agent decides how its trainer ends.
process.on('SIGINT', () => undefined);
