import { Button, Skeleton } from '@mantine/core';
import { hashKey, type QueryKey, type UseQueryResult } from '@tanstack/react-query';
import { type ReactElement, type ReactNode, useId } from 'react';
import { adviceOn, Failure } from '../api/failure.js';
import { failureStart } from '../api/queries.js';
import { formatAbsolute, formatClock } from '../format/time.js';
import { Icon } from './icons.js';

interface PanelProps {
  title: ReactNode;
  /** Right of the title: filters, buttons. */
  actions?: ReactNode;
  /** Tables touch the panel's border. */
  flush?: boolean;
  children: ReactNode;
}

export function Panel({ title, actions, flush = false, children }: PanelProps): ReactElement {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        <span className="spacer" />
        {actions}
      </div>
      <div className={flush ? 'panel-body flush' : 'panel-body'}>{children}</div>
    </section>
  );
}

interface AnsweredProps<T> {
  query: UseQueryResult<T>;
  queryKey: QueryKey;
  /** Completes "could not be loaded": "The sites". */
  what: string;
  /** Lines of the skeleton while the first answer is under way. */
  lines?: number;
  /** Children bring panels of their own: what stands in for them needs one too. */
  framed?: boolean;
  /** Children bring the page's heading too: this one stands in for it. */
  heading?: string;
  children: (data: T) => ReactNode;
}

/** A panel's own loading and failure: it fails alone, keeps what it last had, and offers to try again. */
export function Answered<T>(props: AnsweredProps<T>): ReactElement {
  const { query, queryKey, what, lines = 3, framed = false, heading, children } = props;
  const { data, error } = query;
  const failingSince = failureStart(hashKey(queryKey));
  const retry = (): void => void query.refetch();
  if (data === undefined) {
    const failed = <Failed what={what} error={error} since={failingSince} retry={retry} busy={query.isFetching} />;
    const stand = error === null ? <Loading what={what} lines={lines} /> : failed;
    return (
      <>
        {heading !== undefined && (
          <div className="page-head">
            <h1>{heading}</h1>
          </div>
        )}
        {framed ? <div className="panel">{stand}</div> : stand}
      </>
    );
  }
  // Without a connection every panel is as old as the others: the frame says it once for all.
  const alone = error !== null && !(error instanceof Failure && error.kind === 'unreachable');
  return (
    <>
      {alone && (
        <div className={framed ? 'panel notice stale' : 'notice stale'} role="status">
          <Icon name="warning" />
          <span>
            {what} could not be refreshed since {formatClock(failingSince ?? query.errorUpdatedAt)}: {error.message}
          </span>
          <span className="spacer" />
          <Button variant="default" loading={query.isFetching} onClick={retry}>
            Retry
          </Button>
        </div>
      )}
      {children(data)}
    </>
  );
}

export function Loading({ what, lines }: { what: string; lines: number }): ReactElement {
  return (
    <div className="blank" style={{ justifyItems: 'stretch' }} role="status" aria-label={`${what}: loading`}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={14} width={`${90 - ((line * 17) % 40)}%`} />
      ))}
    </div>
  );
}

interface FailedProps {
  what: string;
  error: Error | null;
  since: number | undefined;
  busy: boolean;
  retry: () => void;
}

export function Failed({ what, error, since, busy, retry }: FailedProps): ReactElement {
  return (
    <div className="notice" role="alert">
      <span className="tone-bad">
        <Icon name="warning" />
      </span>
      <div>
        <p>
          <strong>{what} could not be loaded</strong>
          {since !== undefined && <span title={formatAbsolute(since)}> since {formatClock(since)}</span>}.{' '}
          {error?.message}
        </p>
        <p className="dim">{error !== null && adviceOn(error)}</p>
      </div>
      <span className="spacer" />
      <Button variant="default" leftSection={<Icon name="refresh" size={14} />} loading={busy} onClick={retry}>
        Retry
      </Button>
    </div>
  );
}

interface BlankProps {
  title: string;
  children?: ReactNode;
}

/** An empty panel explains itself and offers the next action. */
export function Blank({ title, children }: BlankProps): ReactElement {
  return (
    <div className="blank">
      <h3>{title}</h3>
      {children}
    </div>
  );
}
