import type { Log } from '../agent/log.js';
import type { NodeSettings } from '../settings/node-settings.js';
import { trainerEnvironment } from '../settings/trainer-environment.js';
import { TrainerProcess } from '../trainer/trainer-process.js';
import type { Session } from './session.js';

/** The process that computes, closed with the session. */
export function startTrainer(settings: NodeSettings, log: Log, session: Session): TrainerProcess {
  const trainer = new TrainerProcess({
    environment: trainerEnvironment(settings),
    trainer: {
      threads: settings.threads,
      cache: settings.cache!,
      memoryMegabytes: settings.memoryMegabytes,
      cacheMegabytes: settings.cacheMegabytes,
      dataWorkers: settings.dataWorkers,
      checkpointSeconds: settings.checkpointSeconds,
      inference: {
        overlap: settings.overlap,
        stride: settings.stride ?? null,
        weighting: settings.weighting,
        batch: settings.batch,
      },
      precision: settings.precision,
      allowJavascriptEngine: settings.allowJavascriptEngine,
    },
    onNote: (level, sentence) => log[level](sentence),
  });
  session.onClose(() => trainer.close());
  return trainer;
}
