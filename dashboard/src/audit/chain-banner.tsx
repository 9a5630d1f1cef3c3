import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { formatCount, plural } from '../format/figures.js';
import { ShortDigest } from '../frame/copyable.js';
import { Fact, Facts } from '../frame/facts.js';
import { Icon } from '../frame/icons.js';
import { Moment } from '../frame/moment.js';
import { Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { logOfServer } from './log-queries.js';
import { recountLog } from './recount.js';
import { hex, type Verdict } from './verification.js';

/** Whether the log is what it was and bears the right signature, as this browser has computed it. */
export function ChainBanner({ verdict, signedAt }: { verdict: Verdict; signedAt: string }): ReactElement {
  if (!verdict.holds) {
    return (
      <div className="panel notice" role="alert">
        <span className="tone-bad">
          <Icon name="warning" />
        </span>
        <div>
          <p>
            <strong>The log does not verify</strong>: {verdict.why}.
          </p>
          <p className="dim">
            Do not rely on anything below. Keep this page open, export what you can, and ask the operator and the other
            sites which checkpoints they hold.
          </p>
        </div>
      </div>
    );
  }
  const { checkpoint, seen, since } = verdict;
  const witnesses = checkpoint.note.signatures.length - 1;
  return (
    <Panel
      title={
        <State is={{ icon: 'seal', word: `chain verified to #${formatCount(checkpoint.size)}`, tone: 'good' }} pill />
      }
      actions={<RecountButton root={hex(checkpoint.root)} size={checkpoint.size} />}
    >
      <Facts>
        <Fact name="Log">{checkpoint.origin}</Fact>
        <Fact name="Root">
          <ShortDigest digest={hex(checkpoint.root)} what="the root of the log" />
        </Fact>
        <Fact name="Signed">
          <Moment at={signedAt} />
        </Fact>
        <Fact name="Key that opened it">
          <code>{seen.key.slice(0, 12)}</code>
        </Fact>
        <Fact name="Cosigned by">{witnesses === 0 ? 'no site yet' : plural(witnesses, 'site')}</Fact>
        <Fact name="Continues">
          {since === null ? 'first visit of this browser' : `#${formatCount(since)}, seen by this browser`}
        </Fact>
      </Facts>
      <p className="dim chart-note">
        Signature and continuity were computed in this browser. Compare the root with another site&apos;s to exclude
        that two logs are kept.
      </p>
    </Panel>
  );
}

/** Reads the whole log once and computes its root from nothing. */
function RecountButton({ root, size }: { root: string; size: number }): ReactElement {
  const recount = useMutation({ mutationFn: () => recountLog(size, logOfServer) });
  const same = recount.data === root;
  return (
    <>
      <span role="status">
        {recount.data !== undefined && (
          <State
            is={
              same
                ? { icon: 'check', word: `all ${formatCount(size)} entries give this root`, tone: 'good' }
                : { icon: 'cross', word: 'the entries give another root', tone: 'bad' }
            }
          />
        )}
        {recount.error !== null && <span className="tone-bad">{recount.error.message}</span>}
      </span>
      <Button
        variant="default"
        loading={recount.isPending}
        onClick={() => {
          recount.mutate();
        }}
      >
        Check every entry
      </Button>
    </>
  );
}
