import type { RoundView, SiteView, StudyView } from '@consilium/shared';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { NONE, plural } from '../format/figures.js';
import { Countdown, Moment } from '../frame/moment.js';
import { Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { ROUND_STATES } from './appearance.js';
import { acceptedCount } from './progress.js';
import { SiteStrip } from './site-strip.js';

interface CurrentRoundPanelProps {
  study: StudyView;
  /** The one that is under way. */
  round: RoundView | null;
  sites: SiteView[] | undefined;
}

export function CurrentRoundPanel({ study, round, sites }: CurrentRoundPanelProps): ReactElement {
  if (round === null) {
    return (
      <Panel title="Current round" flush>
        <Blank title="No round is open">
          <p className="dim">{whyNone(study)}</p>
        </Blank>
        <SiteStrip sites={sites} round={null} />
      </Panel>
    );
  }
  const accepted = acceptedCount(round);
  return (
    <Panel
      title={
        <>
          <Link to="/rounds/$roundId" params={{ roundId: round.id }}>
            Round {round.number}
          </Link>{' '}
          <span className="dim">of {study.manifest.rounds.count}</span>
        </>
      }
      actions={<State is={ROUND_STATES[round.state]} pill />}
      flush
    >
      <dl className="facts large round-facts">
        <div>
          <dt>Quorum</dt>
          <dd>
            {accepted} of {plural(round.quorum, 'update')}
          </dd>
        </div>
        <div>
          <dt>Deadline</dt>
          <dd>{round.state === 'aggregating' || round.deadline === null ? NONE : <Countdown to={round.deadline} />}</dd>
        </div>
        <div>
          <dt>Opened</dt>
          <dd>{round.openedAt === null ? NONE : <Moment at={round.openedAt} />}</dd>
        </div>
      </dl>
      <SiteStrip sites={sites} round={round} />
    </Panel>
  );
}

function whyNone(study: StudyView): string {
  const { count, minimumSites } = study.manifest.rounds;
  switch (study.state) {
    case 'draft':
      return 'The study is a draft. Start it on its page, and its first round opens.';
    case 'paused':
      return 'The study is paused. Resume it on its page, and the next round opens.';
    case 'finished':
      return `All ${plural(count, 'round')} are done.`;
    case 'stopped':
      return 'The study was stopped; its models stay.';
    case 'running':
      return `The next round opens when ${plural(minimumSites, 'training site')} ${minimumSites === 1 ? 'is' : 'are'} connected.`;
  }
}
