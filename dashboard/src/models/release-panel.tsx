import type { ModelLineage, Release, ReleaseState, SignOff } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { releaseQuery } from '../api/queries.js';
import { formatDice, NONE } from '../format/figures.js';
import { Fact, Facts } from '../frame/facts.js';
import { Moment } from '../frame/moment.js';
import { Answered, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { useMay } from '../session/session.js';
import { ReleaseActions } from './release-actions.js';

/** Whether sites are told to use this version, who vouched for it, and what an operator may do about it. */
export function ReleasePanel({ model }: { model: ModelLineage }): ReactElement {
  const options = releaseQuery(model.studyId);
  const release = useQuery(options);
  const mayAct = useMay('operator');
  return (
    <Panel
      title="Release"
      actions={mayAct && release.data !== undefined && <ReleaseActions model={model} release={release.data} />}
    >
      <Answered query={release} queryKey={options.queryKey} what="The release">
        {(state) => <Released version={model.version} state={state} />}
      </Answered>
    </Panel>
  );
}

function Released({ version, state }: { version: number; state: ReleaseState }): ReactElement {
  const { released, best, signOffs, history } = state;
  const isInUse = released?.version === version;
  return (
    <>
      <Facts>
        <Fact name="This version">
          <State
            is={
              isInUse
                ? { icon: 'check', word: 'in use', tone: 'good' }
                : { icon: 'dots', word: 'not in use', tone: 'quiet' }
            }
          />
        </Fact>
        <Fact name="In use">
          {released === null ? 'none is released yet' : <Version of={released} state={state} />}
        </Fact>
        <Fact name="Best measured">{best === null ? NONE : <Version of={best} state={state} />}</Fact>
        <Fact name="Its Dice">{formatDice(best?.dice ?? null)}</Fact>
      </Facts>
      <SignOffs signOffs={signOffs.filter((each) => each.version === version)} />
      <History history={history.filter((each) => each.version === version)} />
    </>
  );
}

function Version({ of: { version }, state }: { of: { version: number }; state: ReleaseState }): ReactElement {
  return (
    <Link to="/models/$studyId/$version" params={{ studyId: state.studyId, version: String(version) }}>
      version {version}
    </Link>
  );
}

function SignOffs({ signOffs }: { signOffs: SignOff[] }): ReactElement | null {
  if (signOffs.length === 0) return null;
  return (
    <ul className="plain-list">
      {signOffs.map(({ operator, statement, at }) => (
        <li key={operator}>
          Signed off by <strong>{operator}</strong>, <Moment at={at} />: {statement}
        </li>
      ))}
    </ul>
  );
}

function History({ history }: { history: Release[] }): ReactElement | null {
  if (history.length === 0) return null;
  return (
    <ul className="plain-list">
      {history.map(({ action, operator, reason, at }) => (
        <li key={at}>
          {action === 'promoted' ? 'Promoted' : 'Rolled back to'} by <strong>{operator}</strong>, <Moment at={at} />
          {reason !== null && `: ${reason}`}
        </li>
      ))}
    </ul>
  );
}
