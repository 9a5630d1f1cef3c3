import type { Logger } from 'pino';
import type { Settings } from '../settings/settings.js';

/** Something that has been done, and how long it took. Attributes are ids, numbers and words from closed lists: never what somebody sent. */
export interface FinishedSpan {
  name: string;
  begin: Date;
  end: Date;
  /** Everything that becomes of one round is one trace; `whole` is the round itself, from its opening to its end. */
  round?: { id: string; part: 'whole' | 'step' };
  attributes: Readonly<Record<string, string | number>>;
  failed?: boolean;
}

export interface Traces {
  record(span: FinishedSpan): void;
  /** Sends what is left, within seconds. */
  close(): Promise<void>;
}

export const noTraces: Traces = { record: () => undefined, close: () => Promise.resolve() };

/** OpenTelemetry is loaded where somebody wants its traces, and nowhere else. */
export async function openTraces(settings: Settings, log: Logger): Promise<Traces> {
  if (settings.tracesEndpoint === undefined) return noTraces;
  const { OtlpTraces } = await import('./otlp-traces.js');
  return new OtlpTraces(settings.tracesEndpoint, log);
}
