import { engineEnvironment, engineSettings, type EngineSettings } from '../engine/engine-settings.js';
import { errorText, NodeFailure } from './failure.js';
import { childEnvironment, type NodeSettings } from './node-settings.js';

/** The engine's own settings come from CONSILIUM_ENGINE_*; the node's --threads wins over them. */
export function engineSettingsOf(settings: Pick<NodeSettings, 'threads'>): EngineSettings {
  try {
    return engineSettings(childEnvironment({}), settings.threads > 0 ? { threads: settings.threads } : {});
  } catch (error) {
    throw new NodeFailure('usage', errorText(error), { cause: error });
  }
}

/** What the trainer process is started with: allocator and thread settings act only from the start of a process. */
export function trainerEnvironment(settings: Pick<NodeSettings, 'threads'>): NodeJS.ProcessEnv {
  return childEnvironment(engineEnvironment(engineSettingsOf(settings)));
}
