import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { CopyButton } from '../frame/copyable.js';
import { Fact, Facts } from '../frame/facts.js';
import { Answered, Panel } from '../frame/panel.js';
import { useSession } from '../session/session.js';
import { LocalDataPanel } from './local-data-panel.js';
import { LocalStudiesPanel } from './local-studies-panel.js';
import { LocalTrainingPanel } from './local-training-panel.js';
import { SentPanel } from './sent-panel.js';
import { siteQuery } from './site-queries.js';

/** A hospital's own page: everything on it stays on this machine. */
export function SiteApp(): ReactElement {
  const session = useSession();
  return (
    <main className="page" id="content">
      <div className="page-head">
        <img src="/favicon.svg" alt="" width={24} height={24} />
        <h1>This site</h1>
        <span className="dim">Everything on this page stays on this machine.</span>
      </div>
      {session === null ? <NotLetIn /> : <Panels />}
    </main>
  );
}

function NotLetIn(): ReactElement {
  return (
    <Panel title="This page needs its whole address">
      <p>
        Open the address that <code>consilium-node page</code> has printed on this machine; what stands behind its
        number sign lets you in. It is another one after each start.
      </p>
    </Panel>
  );
}

function Panels(): ReactElement {
  const site = useQuery(siteQuery);
  return (
    <>
      <Answered query={site} queryKey={siteQuery.queryKey} what="The site" framed>
        {({ site: enrolled, software, data, progress }) => (
          <>
            <Panel title={enrolled?.name ?? 'Not enrolled yet'}>
              <Facts>
                {enrolled !== null && (
                  <>
                    <Fact name="role">{enrolled.role}</Fact>
                    <Fact name="server">{enrolled.server}</Fact>
                    <Fact name="fingerprint of the key">
                      <span className="copyable">
                        <code>{enrolled.fingerprint}</code>
                        <CopyButton text={enrolled.fingerprint} what="the fingerprint" />
                      </span>
                    </Fact>
                  </>
                )}
                <Fact name="volumes">{data ?? 'no folder was named'}</Fact>
                <Fact name="software">{software}</Fact>
              </Facts>
            </Panel>
            <LocalTrainingPanel progress={progress} />
          </>
        )}
      </Answered>
      <LocalStudiesPanel />
      <SentPanel />
      <LocalDataPanel />
    </>
  );
}
