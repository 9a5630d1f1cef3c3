import { useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useEffect, useState } from 'react';
import { useConnection } from '../api/live.js';
import { formatClock, formatSpan } from '../format/time.js';
import { Icon } from './icons.js';
import { useNow } from './moment.js';

/** When the newest answer came that is on screen, in ms; while the socket is down this is how old the page is. */
function useNewestAnswer(): number {
  const client = useQueryClient();
  const read = (): number =>
    Math.max(
      0,
      ...client
        .getQueryCache()
        .getAll()
        .map((query) => query.state.dataUpdatedAt),
    );
  const [newest, setNewest] = useState(read);
  useEffect(
    () =>
      client.getQueryCache().subscribe((event) => {
        if (event.type === 'updated' && event.action.type === 'success') setNewest(Date.now());
      }),
    [client],
  );
  return newest;
}

export function ConnectionPill(): ReactElement {
  const connection = useConnection();
  if (connection.state === 'live') {
    return (
      <span className="state pill tone-good" role="status" title="Changes arrive as they happen">
        <Icon name="pulse" size={14} />
        live
      </span>
    );
  }
  if (connection.state === 'connecting') {
    return (
      <span className="state pill tone-quiet" role="status">
        <Icon name="dots" size={14} />
        connecting
      </span>
    );
  }
  return <Reconnecting since={connection.since} />;
}

function Reconnecting({ since }: { since: number }): ReactElement {
  const now = useNow();
  const fresh = Math.max(since, useNewestAnswer());
  return (
    <span className="state pill tone-warn" title={`No live connection since ${formatClock(since)}`}>
      <Icon name="unplug" size={14} />
      <span>
        {/* Only the state is announced; the seconds would be read out one by one. */}
        <span role="status">reconnecting</span>, {formatSpan(now - fresh)} old
      </span>
    </span>
  );
}

/** Says once for all panels that what is on screen may be old, and what to do about it. */
export function ConnectionBanner(): ReactElement | null {
  const connection = useConnection();
  const now = useNow();
  // A restart of the server takes seconds; a banner that comes and goes would only make the page jump.
  if (connection.state !== 'reconnecting' || now - connection.since < 4000) return null;
  return (
    <div className="notice stale banner" role="status">
      <Icon name="unplug" />
      <span>
        No live connection to the server since {formatClock(connection.since)}. This page shows what it last knew and
        keeps trying; if this lasts, check that the server runs and can be reached from here.
      </span>
    </div>
  );
}
