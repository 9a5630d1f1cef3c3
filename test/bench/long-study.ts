import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openDatabase } from '@consilium/server/dist/database/database.js';
import type { DataSource } from 'typeorm';

/** SQL for a column of a copied row; what is not named is copied. */
type Changes = Readonly<Record<string, string>>;

const digestOf = (round: number): string => createHash('sha256').update(`round ${round}`).digest('hex');
/** A UUID of version 4, the same for the same row and round. */
const newId = (what: string): string =>
  `overlay(overlay(md5(${what} || '/' || $1::text) placing '4' from 13) placing '8' from 17)::uuid`;
const later = (column: string): string => `${column} + interval '5 minutes' * ($1::int - 1)`;

/**
 * Makes a study of `rounds` rounds of one that has committed its first, in the database of a stopped server: each round is the
 * first one with other ids, times and figures. For screens only: the log knows nothing of them.
 */
export async function lengthenStudy(home: string, rounds: number): Promise<void> {
  const { dataSource, close } = await openDatabase({ folder: join(home, 'database') });
  try {
    for (let round = 2; round <= rounds; round++) await copyRound(dataSource, round);
    await dataSource.query(`UPDATE study SET manifest = jsonb_set(manifest, '{rounds,count}', to_jsonb(${rounds}))`);
    await dataSource.query(
      `INSERT INTO evaluation (study_id, model_digest, site_id, volumes, dice, hd95, received_at)
       SELECT m.study_id, m.blob_digest, s.id, 4, 0.8 - 0.6 * exp(-m.version / 60.0) + 0.1 * random(), 5 + random(), m.created_at
       FROM model_version m, site s ON CONFLICT DO NOTHING`,
    );
  } finally {
    await close();
  }
}

async function copyRound(dataSource: DataSource, round: number): Promise<void> {
  const [digest, base] = [digestOf(round), round === 2 ? null : digestOf(round - 1)];
  await dataSource.query(`INSERT INTO blob (digest, bytes, created_at) VALUES ($1, 600000, now())`, [digest]);
  const id = newId('round_id');
  const copy = (table: string, changes: Changes, where: string): Promise<void> =>
    copyRows(dataSource, table, changes, where, round);
  const ofFirst = `round_id IN (SELECT id FROM round WHERE number = 1)`;
  await copy(
    'round',
    {
      id: newId('id'),
      number: '$1::int',
      base_digest: base === null ? 'result_digest' : `'${base}'`,
      result_digest: `'${digest}'`,
      opened_at: later('opened_at'),
      closed_at: later('closed_at'),
      deadline: later('deadline'),
    },
    'number = 1',
  );
  await copy('contribution', { round_id: id, updated_at: later('updated_at') }, ofFirst);
  await copy('metric_point', { round_id: id }, ofFirst);
  await copy(
    'update',
    {
      id: newId('id'),
      round_id: id,
      trained_round_id: newId('trained_round_id'),
      received_at: later('received_at'),
    },
    ofFirst,
  );
  await copy(
    'model_version',
    { version: '$1::int', round_id: id, blob_digest: `'${digest}'`, created_at: later('created_at') },
    'version = 1',
  );
}

async function copyRows(
  dataSource: DataSource,
  table: string,
  changes: Changes,
  where: string,
  round: number,
): Promise<void> {
  const columns = await dataSource.query<{ column_name: string }[]>(
    `SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
    [table],
  );
  const names = columns.map(({ column_name }) => column_name);
  const values = names.map((name) => changes[name] ?? `"${name}"`);
  const quoted = names.map((name) => `"${name}"`);
  await dataSource.query(
    `INSERT INTO "${table}" (${quoted.join(', ')}) SELECT ${values.join(', ')} FROM "${table}" WHERE ${where}`,
    // Only where it is asked for.
    values.some((value) => value.includes('$1')) ? [round] : [],
  );
}
