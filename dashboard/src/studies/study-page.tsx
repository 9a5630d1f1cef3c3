import type { RoundSummary, StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { curvesQuery } from '../api/insight-queries.js';
import { studyQuery, studyRoundsQuery } from '../api/queries.js';
import { DicePanel, DistancePanel, LossPanel } from '../charts/figure-panels.js';
import { Icon } from '../frame/icons.js';
import { Answered } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { WayBack } from '../frame/way-back.js';
import { without } from '../frame/without.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { roundUnderWay } from '../rounds/progress.js';
import { RoundsPanel } from '../rounds/rounds-panel.js';
import { TimelinePanel } from '../timeline/timeline-panel.js';
import { ConsentsPanel } from './consents-panel.js';
import { StudyActions } from './study-actions.js';
import { StudySettings } from './study-settings.js';

const route = getRouteApi('/frame/studies/$studyId');

export function StudyPage(): ReactElement {
  const { studyId } = route.useParams();
  const options = studyQuery(studyId);
  const study = useQuery(options);
  return (
    <div className="page">
      <WayBack steps={[{ to: '/studies', text: 'Studies' }]} />
      <Answered query={study} queryKey={options.queryKey} what="This study" lines={6} framed heading="Study">
        {(data) => <Study study={data} />}
      </Answered>
    </div>
  );
}

function Study({ study }: { study: StudyView }): ReactElement {
  return (
    <>
      <div className="page-head">
        <h1>{study.manifest.name}</h1>
        <State is={STUDY_STATES[study.state]} pill />
        <span className="dim">
          {study.roundsCommitted} of {study.manifest.rounds.count} rounds committed
        </span>
        <Link to="/models" search={{ study: study.id }}>
          Models
        </Link>
        <span className="spacer" />
        <StudyActions study={study} />
      </div>
      {study.reason !== null && (
        <p className="panel notice" role="note">
          <span className="tone-warn">
            <Icon name="info" />
          </span>
          <span>{study.reason}</span>
        </p>
      )}
      <Course study={study} />
      <ConsentsPanel study={study} />
      <StudySettings study={study} />
    </>
  );
}

/** How the study goes: the timeline of one of its rounds, the figures of its models, and all rounds. */
function Course({ study }: { study: StudyView }): ReactElement {
  const roundsOptions = studyRoundsQuery(study.id);
  const rounds = useQuery(roundsOptions);
  const curvesOptions = curvesQuery(study.id);
  const curves = useQuery(curvesOptions);
  const search = route.useSearch();
  const all = search.rounds === 'all';
  return (
    <>
      <Answered query={rounds} queryKey={roundsOptions.queryKey} what="The rounds" lines={6} framed>
        {(data) => <RoundTimeline rounds={data} wanted={search.timeline} />}
      </Answered>
      <Answered query={curves} queryKey={curvesOptions.queryKey} what="The figures" lines={6} framed>
        {(data) => (
          <>
            <div className="columns even">
              <DicePanel curves={data} />
              <LossPanel curves={data} />
            </div>
            <DistancePanel curves={data} />
          </>
        )}
      </Answered>
      {rounds.data !== undefined && (
        <RoundsPanel
          rounds={rounds.data}
          initialDice={study.initialDice}
          all={all}
          toggle={(text) => (
            <Link
              to="/studies/$studyId"
              params={{ studyId: study.id }}
              search={(search) => ({ ...without(search, 'rounds'), ...(!all && { rounds: 'all' as const }) })}
            >
              {text}
            </Link>
          )}
        />
      )}
    </>
  );
}

/** The round that is under way, or the newest, unless the address names another. */
function RoundTimeline({
  rounds,
  wanted,
}: {
  rounds: RoundSummary[];
  wanted: string | undefined;
}): ReactElement | null {
  const opened = rounds.filter((round) => round.openedAt !== null);
  const shown = opened.find(({ id }) => id === wanted) ?? roundUnderWay(opened) ?? opened.at(-1);
  if (shown === undefined) return null;
  const place = opened.indexOf(shown);
  return (
    <TimelinePanel
      roundId={shown.id}
      title={`Timeline of round ${shown.number}`}
      actions={
        <span className="stepper">
          <Neighbour round={opened[place - 1]} word="Earlier" />
          <Neighbour round={opened[place + 1]} word="Later" />
        </span>
      }
    />
  );
}

function Neighbour({ round, word }: { round: RoundSummary | undefined; word: string }): ReactElement {
  if (round === undefined) return <span className="dim">{word}</span>;
  return (
    <Link
      to="/studies/$studyId"
      params={{ studyId: round.studyId }}
      search={(search) => ({ ...search, timeline: round.id })}
      aria-label={`${word}: round ${round.number}`}
      resetScroll={false}
    >
      {word}
    </Link>
  );
}
