import type { EntityManager } from 'typeorm';

/** Rows that are in memory at a time. */
const BATCH = 1000;

/** Of the schema `public`, each after those that its rows refer to. Migrations keep their own table. */
export async function tablesInOrder(manager: EntityManager): Promise<string[]> {
  const tables = await manager.query<{ name: string }[]>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' ORDER BY tablename`,
  );
  const references = await manager.query<{ from: string; to: string }[]>(
    `SELECT conrelid::regclass::text AS "from", confrelid::regclass::text AS "to" FROM pg_constraint
     WHERE contype = 'f' AND conrelid <> confrelid`,
  );
  const unquoted = (name: string): string => name.replaceAll('"', '');
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (ordered.includes(name)) return;
    for (const { from, to } of references) if (unquoted(from) === name) visit(unquoted(to));
    ordered.push(name);
  };
  for (const { name } of tables) visit(name);
  return ordered;
}

/** A table's rows as JSON that Postgres itself has written: a bytea, a bigint or a time comes back as it was. In a transaction. */
export async function* rowsOf(manager: EntityManager, table: string): AsyncGenerator<string[]> {
  await manager.query(`DECLARE "backup" CURSOR FOR SELECT to_jsonb(t)::text AS line FROM "${table}" t`);
  for (;;) {
    const rows = await manager.query<{ line: string }[]>(`FETCH ${BATCH} FROM "backup"`);
    if (rows.length === 0) break;
    yield rows.map(({ line }) => line);
  }
  await manager.query(`CLOSE "backup"`);
}

/** Writes rows of `rowsOf`, past the triggers, which have done their work when the rows were first written. In a transaction. */
export async function writeRows(
  manager: EntityManager,
  table: string,
  batches: AsyncIterable<string[]>,
): Promise<number> {
  await manager.query(`ALTER TABLE "${table}" DISABLE TRIGGER USER`);
  let written = 0;
  for await (const lines of batches) {
    await manager.query(
      `INSERT INTO "${table}" SELECT r.* FROM unnest($1::text[]) AS line, jsonb_populate_record(NULL::"${table}", line::jsonb) AS r`,
      [lines],
    );
    written += lines.length;
  }
  await manager.query(`ALTER TABLE "${table}" ENABLE TRIGGER USER`);
  await continueNumbering(manager, table);
  return written;
}

/** Columns that number their rows go on after the highest number that was restored. */
async function continueNumbering(manager: EntityManager, table: string): Promise<void> {
  const columns = await manager.query<{ name: string; sequence: string }[]>(
    `SELECT column_name AS name, pg_get_serial_sequence($1, column_name) AS sequence FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = $2 AND pg_get_serial_sequence($1, column_name) IS NOT NULL`,
    [`"${table}"`, table],
  );
  for (const { name, sequence } of columns) {
    await manager.query(`SELECT setval($1, COALESCE((SELECT max("${name}") FROM "${table}"), 0) + 1, false)`, [
      sequence,
    ]);
  }
}
