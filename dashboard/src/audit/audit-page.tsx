import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { useMay } from '../session/session.js';
import { ChainBanner } from './chain-banner.js';
import { EntriesPanel } from './entries-panel.js';
import { checkpointQuery, logOfServer } from './log-queries.js';
import { recallTree, rememberTree } from './seen-tree.js';
import { SharedPanel } from './shared-panel.js';
import { verifyLog } from './verification.js';

export function AuditPage(): ReactElement {
  const mayRead = useMay('auditor');
  return (
    <div className="page">
      <div className="page-head">
        <h1>Audit</h1>
      </div>
      {mayRead ? <Log /> : <ForAuditors />}
    </div>
  );
}

function ForAuditors(): ReactElement {
  return (
    <Panel title="The log is for auditors" flush>
      <Blank title="Your role does not include it">
        <p className="dim">Everything that happens is recorded here; an owner can give you the role of an auditor.</p>
      </Blank>
    </Panel>
  );
}

function Log(): ReactElement {
  const checkpoint = useQuery(checkpointQuery);
  const note = checkpoint.data?.note;
  // Checked here, in the browser: what the server says of its own log proves nothing.
  const verdict = useQuery({
    queryKey: ['log', 'verdict', note],
    queryFn: async () => {
      const found = await verifyLog(note ?? '', logOfServer, recallTree());
      if (found.holds) rememberTree(found.seen);
      return found;
    },
    enabled: note !== undefined,
    staleTime: Infinity,
    refetchInterval: false,
    // The one before stands while a newer checkpoint is being checked.
    placeholderData: (before) => before,
  });
  return (
    <>
      <Answered query={checkpoint} queryKey={checkpointQuery.queryKey} what="The newest checkpoint" framed>
        {(data) => (
          <Answered query={verdict} queryKey={['log', 'verdict', note]} what="The proof of the log" framed>
            {(found) => <ChainBanner verdict={found} signedAt={data.signedAt} />}
          </Answered>
        )}
      </Answered>
      <SharedPanel />
      <EntriesPanel checkpoint={verdict.data?.holds === true ? verdict.data.checkpoint : null} />
    </>
  );
}
