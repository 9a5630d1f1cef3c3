import { openEngine, type Engine } from '../engine/open-engine.js';
import { precisionRefusal } from '../engine/precision.js';
import { NodeFailure } from '../settings/failure.js';
import { engineSettingsOf } from '../settings/trainer-environment.js';
import { DataFeed } from './data-feed.js';
import type { TrainerOptions } from './messages.js';

export const BYTES_PER_MEGABYTE = 2 ** 20;

/** What the trainer process keeps between jobs: the engine, once opened, and the volumes. */
export class Workshop {
  readonly feed: DataFeed;
  #engine: Promise<Engine> | undefined;

  constructor(
    readonly options: TrainerOptions,
    readonly note: (level: 'info' | 'warn', sentence: string) => void,
  ) {
    this.feed = new DataFeed(options.dataWorkers, options.memoryMegabytes * BYTES_PER_MEGABYTE);
  }

  /** Any engine: right for measuring and predicting, if slow. */
  engine(): Promise<Engine> {
    this.#engine ??= openEngine(engineSettingsOf(this.options)).catch((error: unknown) => {
      throw new NodeFailure('engine-unavailable', `the engine does not start: ${String(error)}`, { cause: error });
    });
    return this.#engine;
  }

  /** An engine that may train; the plain JavaScript one only where the settings insist. */
  async trainingEngine(): Promise<Engine> {
    const engine = await this.engine();
    const narrow = precisionRefusal(this.options.precision, engine);
    if (narrow !== null) throw new NodeFailure('engine-unavailable', narrow);
    if (engine.trainable) return engine;
    const sentence = engine.refusal ?? `${engine.description.name} cannot train`;
    if (!this.options.allowJavascriptEngine) throw new NodeFailure('engine-unavailable', sentence);
    this.note('warn', `training without the native engine, as the settings allow (${sentence})`);
    return engine;
  }
}

export function describeEngine({ description }: Engine): string {
  const version = description.tensorflow === null ? '' : `, TensorFlow ${description.tensorflow}`;
  return `${description.name}${version}, ${description.device.toUpperCase()}`;
}
