import type { RoundView, StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { roundQuery, studyQuery } from '../api/queries.js';
import { formatDice, formatLoss, formatNorm, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { formatSpan } from '../format/time.js';
import { ShortDigest } from '../frame/copyable.js';
import { Fact, Facts } from '../frame/facts.js';
import { Icon } from '../frame/icons.js';
import { Countdown, Moment } from '../frame/moment.js';
import { Answered, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { WayBack } from '../frame/way-back.js';
import { TimelinePanel } from '../timeline/timeline-panel.js';
import { ROUND_STATES } from './appearance.js';
import { ContributionsPanel } from './contributions-panel.js';
import { acceptedCount, isUnderWay } from './progress.js';
import { PrototypesPanel } from './prototypes-panel.js';
import { RiskPanel } from './risk-panel.js';
import { TrainingPanel } from './training-panel.js';
import { ValidationPanel } from './validation-panel.js';

const route = getRouteApi('/frame/rounds/$roundId');

export function RoundPage(): ReactElement {
  const { roundId } = route.useParams();
  const options = roundQuery(roundId);
  const round = useQuery(options);
  return (
    <div className="page">
      <Answered query={round} queryKey={options.queryKey} what="This round" lines={6} framed heading="Round">
        {(data) => <Round round={data} />}
      </Answered>
    </div>
  );
}

function Round({ round }: { round: RoundView }): ReactElement {
  const study = useQuery(studyQuery(round.studyId));
  return (
    <>
      <WayBack
        steps={[
          { to: '/studies', text: 'Studies' },
          { to: '/studies/$studyId', params: { studyId: round.studyId }, text: study.data?.manifest.name ?? 'Study' },
        ]}
      />
      <div className="page-head">
        <h1>Round {round.number}</h1>
        <State is={ROUND_STATES[round.state]} pill />
      </div>
      {round.reason !== null && (
        <p className="panel notice" role="note">
          <span className="tone-bad">
            <Icon name="warning" />
          </span>
          <span>{round.reason}</span>
        </p>
      )}
      <Figures round={round} />
      <ContributionsPanel round={round} />
      <TimelinePanel roundId={round.id} title="Timeline" />
      <div className="columns even">
        <TrainingPanel roundId={round.id} />
        <ValidationPanel round={round} />
      </div>
      <RiskPanel round={round} />
      <AggregatePanel round={round} study={study.data} />
      {round.result !== null && <PrototypesPanel roundId={round.id} />}
    </>
  );
}

function Figures({ round }: { round: RoundView }): ReactElement {
  return (
    <section className="panel panel-body" aria-label="Figures of this round" style={{ flex: 'none' }}>
      <Facts large>
        <Fact name="Updates">
          {acceptedCount(round)} of {round.contributions.length} <span className="aside">quorum {round.quorum}</span>
        </Fact>
        <Fact name="Dice">{formatDice(round.dice)}</Fact>
        <Fact name="Loss">{formatLoss(round.loss)}</Fact>
        <Fact name="Received">{round.bytes === 0 ? NONE : formatBytes(round.bytes)}</Fact>
        <Fact name="Opened">{round.openedAt === null ? NONE : <Moment at={round.openedAt} />}</Fact>
        {isUnderWay(round.state) || round.closedAt === null ? (
          <Fact name="Deadline">{round.deadline === null ? NONE : <Countdown to={round.deadline} />}</Fact>
        ) : (
          <Fact name="Took">
            {round.openedAt === null ? NONE : formatSpan(Date.parse(round.closedAt) - Date.parse(round.openedAt))}
          </Fact>
        )}
      </Facts>
    </section>
  );
}

/** What came in, and what was made of it. */
function AggregatePanel({ round, study }: { round: RoundView; study: StudyView | undefined }): ReactElement {
  const rule = study?.manifest.aggregation;
  const changed = round.contributions.flatMap(({ state, norm }) => (state === 'accepted' ? (norm ?? []) : []));
  return (
    <Panel title="Aggregate">
      <Facts>
        <Fact name="Rule">{rule?.rule.name ?? NONE}</Fact>
        <Fact name="A site counts">{rule === undefined ? NONE : WEIGHTS[rule.weights]}</Fact>
        <Fact name="Updates in it">{acceptedCount(round)}</Fact>
        <Fact name="Norms of their changes">
          {changed.length === 0 ? NONE : `${formatNorm(Math.min(...changed))} to ${formatNorm(Math.max(...changed))}`}
        </Fact>
        <Fact name="Model before">
          <ShortDigest digest={round.base} what="the digest of the model before" />
        </Fact>
        <Fact name="Model after">
          {round.result === null ? (
            NONE
          ) : (
            <>
              <ShortDigest digest={round.result.digest} what="the digest of the committed model" />
              <span className="aside">{formatBytes(round.result.bytes)}</span>
            </>
          )}
        </Fact>
      </Facts>
    </Panel>
  );
}

const WEIGHTS = {
  uniform: 'as much as any other',
  samples: 'by its volumes',
  labels: 'by its labelled volumes',
} as const;
