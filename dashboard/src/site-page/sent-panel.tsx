import type { SentEntry, SentSummary } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { NONE, formatCount } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { type Appearance, State } from '../frame/state.js';
import { sentQuery } from './site-queries.js';

const KINDS: readonly Column[] = [
  { title: 'Kind' },
  { title: 'Left', figure: true },
  { title: 'Bytes', figure: true },
  { title: 'Stopped', figure: true },
];

const ENTRIES: readonly Column[] = [
  { title: 'Entry' },
  { title: 'What' },
  { title: 'When' },
  { title: 'Size', figure: true },
  { title: 'SHA-256' },
  { title: 'Decision' },
  { title: 'Receipt', figure: true },
];

const LEFT: Appearance = { icon: 'up', word: 'left', tone: 'quiet' };

/** The site's own log of what left, which the node has verified line by line to show it. */
export function SentPanel(): ReactElement {
  const sent = useQuery(sentQuery);
  return (
    <Panel title="What left this hospital" flush>
      <Answered query={sent} queryKey={sentQuery.queryKey} what="The log of what left">
        {(summary) =>
          summary.entries === 0 ? (
            <Blank title="Nothing has left yet">
              <p>Every object that goes to the server is written here before it goes, with its size and digest.</p>
            </Blank>
          ) : (
            <Sent summary={summary} />
          )
        }
      </Answered>
    </Panel>
  );
}

function Sent({ summary: { entries, kinds, newest } }: { summary: SentSummary }): ReactElement {
  return (
    <>
      <p className="panel-note">
        <State is={{ icon: 'seal', word: `all ${formatCount(entries)} entries verified`, tone: 'good' }} /> Each has the
        hash of the one before. Reports of progress are counted and not listed.
      </p>
      <DataTable what="Kinds of what left" columns={KINDS}>
        {kinds.map(({ what, count, bytes, refused }) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            <td className="figure">{formatCount(count)}</td>
            <td className="figure">{formatBytes(bytes)}</td>
            <td className="figure">{refused === 0 ? NONE : formatCount(refused)}</td>
          </tr>
        ))}
      </DataTable>
      <DataTable what="What left" columns={ENTRIES}>
        {newest.map((entry) => (
          <EntryRow key={entry.index} entry={entry} />
        ))}
      </DataTable>
    </>
  );
}

function EntryRow({
  entry: { index, what, way, at, bytes, digest, refused, receipt },
}: {
  entry: SentEntry;
}): ReactElement {
  return (
    <tr>
      <th scope="row">{index}</th>
      <td title={way}>{what}</td>
      <td>
        <Moment at={at} />
      </td>
      <td className="figure">{formatBytes(bytes)}</td>
      <td>{digest === null ? NONE : <ShortDigest digest={digest} what={`the digest of entry ${index}`} />}</td>
      <td>
        <State is={refused === null ? LEFT : { icon: 'cross', word: `stopped: ${refused}`, tone: 'bad' }} />
      </td>
      <td className="figure">{receipt === null ? NONE : `entry ${receipt}`}</td>
    </tr>
  );
}
