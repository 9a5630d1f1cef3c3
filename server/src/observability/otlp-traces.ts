import { diag, DiagLogLevel, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider, type IdGenerator } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { VERSION } from '../settings/version.js';
import type { FinishedSpan, Traces } from './traces.js';

/** Of one request to the collector; a server that ends waits no longer than this. */
const PATIENCE = 5_000;
const WARN_EVERY = 60_000;

/** Sends spans as OTLP over HTTP, some at a time; what a collector that is away does not take is dropped. */
export class OtlpTraces implements Traces {
  readonly #ids = new RoundIds();
  readonly #provider: TracerProvider;
  #warnedAt = -Infinity;

  constructor(endpoint: string, log: Logger) {
    const say = (text: string): void => this.#warn(log, text);
    const silent = (): void => undefined;
    diag.setLogger({ error: say, warn: say, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
    const exporter = new OTLPTraceExporter({ url: endpoint, timeoutMillis: PATIENCE });
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'consilium-server', 'service.version': VERSION }),
      idGenerator: this.#ids,
      spanProcessors: [
        new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000, exportTimeoutMillis: PATIENCE }),
      ],
    });
  }

  record({ name, begin, end, round, attributes, failed = false }: FinishedSpan): void {
    const tracer = this.#provider.getTracer('consilium-server');
    const within = round?.part === 'step' ? trace.setSpanContext(ROOT_CONTEXT, placeOf(round.id)) : ROOT_CONTEXT;
    const options = { startTime: begin, attributes };
    const start = () => tracer.startSpan(name, options, within);
    const span = round?.part === 'whole' ? this.#ids.as(placeOf(round.id), start) : start();
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(end);
  }

  /** A collector that stays away fails at each attempt. */
  #warn(log: Logger, text: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY) return;
    this.#warnedAt = now;
    log.warn({ cause: messageIn(text) }, 'traces were not sent');
  }

  async close(): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined);
    diag.disable();
  }
}

/** A round's trace and its own span in it, from its id alone: each process that has a part in it finds the same. */
function placeOf(roundId: string) {
  const digits = roundId.replaceAll('-', '');
  return { traceId: digits, spanId: digits.slice(0, 16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

/** The SDK tells of an error as JSON with its stack. */
function messageIn(text: string): string {
  return (/"message":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text).slice(0, 200);
}

/** Random ids, but for a span that has some of its own. */
class RoundIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #own: { traceId: string; spanId: string } | undefined;

  as<T>(own: { traceId: string; spanId: string }, start: () => T): T {
    this.#own = own;
    try {
      return start();
    } finally {
      this.#own = undefined;
    }
  }

  generateTraceId = (): string => this.#own?.traceId ?? this.#random.generateTraceId();
  generateSpanId = (): string => this.#own?.spanId ?? this.#random.generateSpanId();
}
