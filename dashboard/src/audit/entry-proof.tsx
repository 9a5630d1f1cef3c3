import { canonicalJson, type RawLogEntry, type SignedCheckpoint } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { formatCount } from '../format/figures.js';
import { CopyButton } from '../frame/copyable.js';
import { Answered } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { logOfServer } from './log-queries.js';
import { hex, leafOf, proveEntry } from './verification.js';

/** What was hashed, its digest, and whether it is in the verified tree; all computed here. */
export function EntryProof({
  entry,
  checkpoint,
}: {
  entry: RawLogEntry;
  checkpoint: SignedCheckpoint | null;
}): ReactElement {
  const text = canonicalJson(entry.event);
  const digest = hex(leafOf(entry.event));
  return (
    <div className="proof">
      <p className="proof-line">
        <strong>Leaf</strong> <code className="wrapping">{digest}</code>
        <CopyButton text={digest} what="the digest of the leaf" />
      </p>
      {checkpoint === null ? (
        <p className="tone-warn">There is no verified checkpoint to prove it against.</p>
      ) : (
        <Inclusion entry={entry} checkpoint={checkpoint} />
      )}
      <div className="proof-json">
        <CopyButton text={text} what="the canonical JSON" />
        <pre tabIndex={0} aria-label={`Canonical JSON of entry ${entry.index}`}>
          {text}
        </pre>
      </div>
    </div>
  );
}

function Inclusion({ entry, checkpoint }: { entry: RawLogEntry; checkpoint: SignedCheckpoint }): ReactElement {
  const { size } = checkpoint;
  const queryKey = ['log', 'inclusion', entry.index, size];
  const proven = useQuery({
    queryKey,
    queryFn: () => proveEntry(entry, checkpoint, logOfServer),
    staleTime: Infinity,
    refetchInterval: false,
  });
  return (
    <Answered query={proven} queryKey={queryKey} what="The proof" lines={1}>
      {(holds) => (
        <p>
          <State
            is={
              holds === true
                ? { icon: 'check', word: `in the tree of ${formatCount(size)} entries`, tone: 'good' }
                : { icon: 'cross', word: holds, tone: 'bad' }
            }
          />
        </p>
      )}
    </Answered>
  );
}
