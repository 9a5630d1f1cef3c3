import { LogEvent, type RawLogEntry, type SignedCheckpoint } from '@consilium/shared';
import { Button, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type ReactElement, useState } from 'react';
import { sitesQuery, studiesQuery } from '../api/queries.js';
import { formatCount, NONE } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { without } from '../frame/without.js';
import type { AuditSearch } from './audit-search.js';
import { EntryProof } from './entry-proof.js';
import { entriesQuery } from './log-queries.js';
import { actorName, sentenceOf } from './sentences.js';

const COLUMNS: readonly Column[] = [
  { title: 'Entry' },
  { title: 'When' },
  { title: 'Who' },
  { title: 'What' },
  { title: 'Kind' },
  { title: 'Proof', untitled: true },
];

const route = getRouteApi('/frame/audit');

/** The log, newest first; each row opens to what was hashed and its proof. */
export function EntriesPanel({ checkpoint }: { checkpoint: SignedCheckpoint | null }): ReactElement {
  const filter = without(route.useSearch(), 'month');
  const options = entriesQuery(filter);
  const page = useQuery(options);
  return (
    <Panel title="Entries" actions={<Filters />} flush>
      <Answered query={page} queryKey={options.queryKey} what="The entries" lines={8}>
        {({ entries, next }) => (
          <>
            {entries.length === 0 ? (
              <Blank title="No entry matches">
                <p>
                  <Link to="/audit">Show the whole log</Link>
                </p>
              </Blank>
            ) : (
              <DataTable what="Entries" columns={COLUMNS}>
                {entries.map((entry) => (
                  <Row key={entry.index} entry={entry} checkpoint={checkpoint} />
                ))}
              </DataTable>
            )}
            <Pages from={filter.from} next={next} />
          </>
        )}
      </Answered>
    </Panel>
  );
}

function Row({ entry, checkpoint }: { entry: RawLogEntry; checkpoint: SignedCheckpoint | null }): ReactElement {
  const [open, setOpen] = useState(false);
  const event = LogEvent.safeParse(entry.event).data ?? null;
  const kind = typeof entry.event['type'] === 'string' ? entry.event['type'] : NONE;
  return (
    <>
      <tr className={open ? 'led' : undefined}>
        <th scope="row">#{formatCount(entry.index)}</th>
        <td>{event === null ? NONE : <Moment at={event.at} />}</td>
        <td>{event === null ? NONE : actorName(event.actor)}</td>
        <td className="sentence">{event === null ? 'Of a kind that this page does not know' : sentenceOf(event)}</td>
        <td>
          <Link to="/audit" search={(search) => onlyType(search, kind)}>
            {kind}
          </Link>
        </td>
        <td className="figure">
          <Button
            variant="subtle"
            size="compact-xs"
            aria-expanded={open}
            aria-label={`Proof of entry ${entry.index}`}
            onClick={() => {
              setOpen(!open);
            }}
          >
            Proof
          </Button>
        </td>
      </tr>
      {open && (
        <tr className="under">
          <td colSpan={COLUMNS.length}>
            <EntryProof entry={entry} checkpoint={checkpoint} />
          </td>
        </tr>
      )}
    </>
  );
}

function onlyType(search: AuditSearch, type: string): AuditSearch {
  return { ...without(search, 'from'), type };
}

/** Kinds that one filters by most; any other by a click on it. */
const KINDS = [
  'study-created',
  'study-state-changed',
  'round-opened',
  'update-received',
  'update-refused',
  'round-committed',
  'round-aborted',
  'model-signed',
  'model-measured',
  'site-enrolled',
  'site-approved',
  'site-revoked',
  'consent-given',
  'operator-logged-in',
  'log-in-refused',
];

function Filters(): ReactElement {
  const search = route.useSearch();
  const sites = useQuery(sitesQuery);
  const studies = useQuery(studiesQuery);
  const navigate = useNavigate();
  const set = (key: 'type' | 'site' | 'study', value: string): void => {
    const rest = without(search, key, 'from');
    void navigate({ to: '/audit', search: value === '' ? rest : { ...rest, [key]: value }, resetScroll: false });
  };
  const kinds = search.type === undefined || KINDS.includes(search.type) ? KINDS : [search.type, ...KINDS];
  const chooser = (key: 'type' | 'site' | 'study', label: string, all: string, data: Choice[]): ReactElement => (
    <NativeSelect
      size="xs"
      aria-label={label}
      value={search[key] ?? ''}
      data={[{ value: '', label: all }, ...data]}
      onChange={(event) => {
        set(key, event.currentTarget.value);
      }}
    />
  );
  return (
    <>
      {chooser(
        'type',
        'Kind of entry',
        'Every kind',
        kinds.map((kind) => ({ value: kind, label: kind })),
      )}
      {chooser(
        'site',
        'Site of the entry',
        'Every site',
        (sites.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
      )}
      {chooser(
        'study',
        'Study of the entry',
        'Every study',
        (studies.data ?? []).map(({ digest, manifest }) => ({ value: digest, label: manifest.name })),
      )}
    </>
  );
}

interface Choice {
  value: string;
  label: string;
}

function Pages({ from, next }: { from: number | undefined; next: number | null }): ReactElement | null {
  if (from === undefined && next === null) return null;
  return (
    <p className="pages">
      {from !== undefined && (
        <Link to="/audit" search={(search) => without(search, 'from')}>
          Newest
        </Link>
      )}
      {next !== null && (
        <Link to="/audit" search={(search) => ({ ...search, from: next })}>
          Older
        </Link>
      )}
    </p>
  );
}
