import { z } from 'zod';
import { childEntry } from './child-entry.js';
import { engineEnvironment, type EngineSettings } from './engine-settings.js';
import { lastLine, runCommand } from './setup/command.js';

/** What a trainer on this machine would compute with, as found in a process of its own. */
export const EngineExamination = z.object({
  name: z.string(),
  tensorflow: z.string().nullable(),
  device: z.enum(['gpu', 'cpu']),
  trainable: z.boolean(),
  refusal: z.string().nullable(),
  gradient: z.object({ analytic: z.number(), numeric: z.number(), relativeError: z.number() }),
  gigaflops: z.number(),
});
export type EngineExamination = z.infer<typeof EngineExamination>;

export type ExamineEngine = (settings: EngineSettings) => Promise<EngineExamination | { failed: string }>;

export function engineExaminer(environment: Readonly<Record<string, string | undefined>>): ExamineEngine {
  return async (settings) => {
    const outcome = await runCommand(process.execPath, [childEntry('examine-engine.js'), JSON.stringify(settings)], {
      environment: { ...environment, ...engineEnvironment(settings) },
      timeout: 120_000,
    });
    if (outcome.status === 0) return EngineExamination.parse(JSON.parse(lastLine(outcome.stdout)));
    const ended = outcome.signal === null ? `exit code ${String(outcome.status)}` : `signal ${outcome.signal}`;
    return { failed: `the engine's process ended with ${ended}: ${lastLine(outcome.stderr) || 'no reason given'}` };
  };
}
