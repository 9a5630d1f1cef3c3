import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { sitesQuery } from '../api/queries.js';
import { formatCount, plural } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { logOfServer } from './log-queries.js';
import { sentenceOf } from './sentences.js';
import { monthName, monthsBefore, type SharedObject, sharedIn } from './shared-in.js';

const COLUMNS: readonly Column[] = [
  { title: 'Entry' },
  { title: 'What' },
  { title: 'Object' },
  { title: 'Size', figure: true },
  { title: 'When', figure: true },
];

const route = getRouteApi('/frame/audit');

/** The question that a data protection officer asks: what did this hospital share in May? */
export function SharedPanel(): ReactElement {
  const { site, month } = route.useSearch();
  const sites = useQuery(sitesQuery);
  const navigate = useNavigate();
  const months = monthsBefore(new Date(), 24);
  const asked = month ?? months[0];
  const set = (change: { site?: string; month?: string }): void => {
    void navigate({ to: '/audit', search: (search) => ({ ...search, month: asked, ...change }), resetScroll: false });
  };
  return (
    <Panel title="What did this hospital share?" flush>
      <div className="question">
        <NativeSelect
          size="xs"
          aria-label="Hospital"
          value={site ?? ''}
          data={[
            { value: '', label: 'Choose a site' },
            ...(sites.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
          onChange={(event) => {
            set({ site: event.currentTarget.value });
          }}
        />
        <span>in</span>
        <NativeSelect
          size="xs"
          aria-label="Month"
          value={asked}
          data={months.map((value) => ({ value, label: monthName(value) }))}
          onChange={(event) => {
            set({ month: event.currentTarget.value });
          }}
        />
      </div>
      {site !== undefined && month !== undefined && (
        <Answer site={site} month={month} name={sites.data?.find(({ id }) => id === site)?.name ?? 'The site'} />
      )}
    </Panel>
  );
}

function Answer({ site, month, name }: { site: string; month: string; name: string }): ReactElement {
  const queryKey = ['log', 'shared', site, month];
  const shared = useQuery({ queryKey, queryFn: () => sharedIn(site, month, logOfServer) });
  return (
    <Answered query={shared} queryKey={queryKey} what="The answer">
      {(objects) =>
        objects.length === 0 ? (
          <Blank title={`${name} shared nothing in ${monthName(month)}`}>
            <p className="dim">Neither an update of a model nor a measurement of one is in the log.</p>
          </Blank>
        ) : (
          <>
            <p className="question-answer">{answerSentence(name, month, objects)}</p>
            <DataTable what="What was shared" columns={COLUMNS}>
              {objects.map((object) => (
                <Row key={object.index} object={object} />
              ))}
            </DataTable>
          </>
        )
      }
    </Answered>
  );
}

function answerSentence(name: string, month: string, objects: SharedObject[]): string {
  const updates = objects.flatMap(({ event }) => (event.type === 'update-received' ? [event] : []));
  const bytes = updates.reduce((sum, { blob }) => sum + blob.bytes, 0);
  const measured = objects.length - updates.length;
  return `${name} shared ${plural(updates.length, 'model update')} (${formatBytes(bytes)}) and ${plural(measured, 'measurement')} in ${monthName(month)}. No image left it: an update holds weights, statistics and prototypes.`;
}

function Row({ object: { index, event } }: { object: SharedObject }): ReactElement {
  const isUpdate = event.type === 'update-received';
  return (
    <tr>
      <th scope="row">#{formatCount(index)}</th>
      <td>{sentenceOf(event)}</td>
      <td>
        {isUpdate ? (
          <ShortDigest digest={event.blob.digest} what="the digest of the update" />
        ) : (
          'two figures and a count'
        )}
      </td>
      <td className="figure">{isUpdate ? formatBytes(event.blob.bytes) : ''}</td>
      <td className="figure">
        <Moment at={event.at} />
      </td>
    </tr>
  );
}
