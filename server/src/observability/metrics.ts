import { Inject, Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { CLOCK, type Clock } from '../settings/process-context.js';

/** One gauge for each: its labels, and the rows that give its values under `value`. All are counted in the database. */
const COUNTED: Record<string, { help: string; labels: string[]; sql: string }> = {
  consilium_studies: {
    help: 'Studies by state',
    labels: ['state'],
    sql: 'SELECT state, count(*)::int AS value FROM study GROUP BY state',
  },
  consilium_rounds: {
    help: 'Rounds by state',
    labels: ['state'],
    sql: 'SELECT state, count(*)::int AS value FROM round GROUP BY state',
  },
  consilium_round_age_seconds: {
    help: 'Seconds since the round that is under way was opened',
    labels: ['number'],
    sql: `SELECT number::text, extract(epoch FROM $1::timestamptz - opened_at)::float8 AS value FROM round
          WHERE state IN ('open', 'collecting', 'aggregating')`,
  },
  consilium_contributions: {
    help: 'Contributions of sites to rounds by state',
    labels: ['state'],
    sql: 'SELECT state, count(*)::int AS value FROM contribution GROUP BY state',
  },
  consilium_sites: {
    help: 'Sites by state',
    labels: ['state'],
    sql: 'SELECT state, count(*)::int AS value FROM site GROUP BY state',
  },
  consilium_sites_connected: {
    help: 'Sites with an open connection to any server process',
    labels: [],
    sql: 'SELECT count(DISTINCT site_id)::int AS value FROM presence WHERE expires_at > $1::timestamptz',
  },
  consilium_transferred_bytes: {
    help: 'Bytes of models and updates as they travelled, as seen from the site',
    labels: ['site', 'direction'],
    sql: `SELECT site.name AS site, direction, sum(bytes)::float8 AS value FROM transfer
          JOIN site ON site.id = transfer.site_id GROUP BY site.name, direction`,
  },
  consilium_model_dice: {
    help: 'Mean Dice over volumes of the newest measured version of each study',
    labels: ['study', 'version'],
    sql: `SELECT DISTINCT ON (study.id) study.manifest->>'name' AS study, model_version.version::text AS version,
            sum(evaluation.dice * evaluation.volumes) / sum(evaluation.volumes) AS value
          FROM evaluation JOIN study ON study.id = evaluation.study_id
          JOIN model_version ON model_version.study_id = study.id AND model_version.blob_digest = evaluation.model_digest
          GROUP BY study.id, model_version.version ORDER BY study.id, model_version.version DESC`,
  },
  consilium_outbox_events: {
    help: 'Changes that are kept for server processes to announce; they go after a minute',
    labels: [],
    sql: 'SELECT count(*)::int AS value FROM outbox_event',
  },
  consilium_log_entries: {
    help: 'Entries of the transparency log',
    labels: [],
    sql: 'SELECT count(*)::int AS value FROM log_entry',
  },
};

/** What Prometheus scrapes: the federation as the database has it, whichever process is asked, and this process. */
@Injectable()
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: 'consilium_http_request_seconds',
    help: 'Answers of this process by method and status',
    labelNames: ['method', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [this.#registry],
  });
  readonly #counted: { gauge: Gauge; sql: string }[];

  constructor(
    private readonly dataSource: DataSource,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    collectDefaultMetrics({ register: this.#registry });
    this.#counted = Object.entries(COUNTED).map(([name, { help, labels, sql }]) => ({
      gauge: new Gauge({ name, help, labelNames: labels, registers: [this.#registry] }),
      sql,
    }));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  answered(method: string, status: number, seconds: number): void {
    this.#requests.observe({ method, status: String(status) }, seconds);
  }

  async text(): Promise<string> {
    for (const { gauge, sql } of this.#counted) {
      const rows = await this.dataSource.query<Record<string, string | number>[]>(
        sql,
        sql.includes('$1') ? [this.clock.now()] : [],
      );
      gauge.reset();
      for (const { value, ...labels } of rows) gauge.set(labels, Number(value));
    }
    return this.#registry.metrics();
  }
}
