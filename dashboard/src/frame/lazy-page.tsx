import { type ComponentType, type ReactElement, useCallback, useEffect, useState } from 'react';
import { Failure } from '../api/failure.js';
import { Failed, Loading } from './panel.js';

type LazyPage = (() => ReactElement) & { preload: () => Promise<void> };

/**
 * A page whose code is fetched when it is first opened, or a moment before. Where the server is away then, it says so and
 * offers to try again; the router's own way is to reload, which would leave nothing of the dashboard.
 */
export function lazyPage<K extends string>(load: () => Promise<Record<K, ComponentType>>, name: K): LazyPage {
  let loaded: ComponentType | null = null;
  const fetchPage = async (): Promise<void> => {
    loaded ??= (await load())[name];
  };
  function Page(): ReactElement {
    const [Shown, show] = useState<ComponentType | null>(() => loaded);
    const [failedAt, setFailedAt] = useState<number>();
    const attempt = useCallback(() => {
      fetchPage().then(
        () => {
          show(() => loaded);
        },
        () => {
          setFailedAt(Date.now());
        },
      );
    }, []);
    useEffect(() => {
      if (Shown === null) attempt();
    }, [Shown, attempt]);
    // A browser may remember that a module could not be had, and then asks no more: only a new page asks again.
    const retry = useCallback(() => {
      void fetchPage().then(
        () => {
          show(() => loaded);
        },
        async () => {
          if (await serverAnswers()) window.location.reload();
          else setFailedAt(Date.now());
        },
      );
    }, []);
    if (Shown !== null) return <Shown />;
    const error = new Failure('unreachable', 'The server does not answer.');
    return (
      <div className="page">
        <div className="panel">
          {failedAt === undefined ? (
            <Loading what="This page" lines={6} />
          ) : (
            <Failed what="This page" error={error} since={failedAt} busy={false} retry={retry} />
          )}
        </div>
      </div>
    );
  }
  return Object.assign(Page, { preload: () => fetchPage().catch(() => undefined) });
}

function serverAnswers(): Promise<boolean> {
  return fetch('/api/v1/health').then(
    ({ ok }) => ok,
    () => false,
  );
}
