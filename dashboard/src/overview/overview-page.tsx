import type { RoundSummary, RoundView, StudyView } from '@consilium/shared';
import { NativeSelect } from '@mantine/core';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { curvesQuery } from '../api/insight-queries.js';
import { roundQuery, sitesQuery, studiesQuery, studyRoundsQuery } from '../api/queries.js';
import { DicePanel } from '../charts/figure-panels.js';
import { Icon } from '../frame/icons.js';
import { useNow } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { CurrentRoundPanel } from '../rounds/current-round-panel.js';
import { isClosed, roundUnderWay } from '../rounds/progress.js';
import { RoundsPanel } from '../rounds/rounds-panel.js';
import { AttentionPanel } from './attention-panel.js';
import { needs, type Situation } from './attention.js';
import { FeedPanel } from './feed-panel.js';
import { currentStudy } from './current-study.js';

const route = getRouteApi('/frame/');

export function OverviewPage(): ReactElement {
  const studies = useQuery(studiesQuery);
  const { study: wanted } = route.useSearch();
  return (
    <div className="page">
      <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies" lines={6} heading="Overview">
        {(all) => {
          const study = currentStudy(all, wanted);
          return study === null ? <FirstSteps /> : <StudyOverview study={study} studies={all} />;
        }}
      </Answered>
    </div>
  );
}

function StudyOverview({ study, studies }: { study: StudyView; studies: StudyView[] }): ReactElement {
  const options = studyRoundsQuery(study.id);
  const rounds = useQuery(options);
  return (
    <>
      <Head study={study} studies={studies} />
      <Answered query={rounds} queryKey={options.queryKey} what="The rounds" lines={6} framed>
        {(data) => <Now study={study} rounds={data} />}
      </Answered>
    </>
  );
}

/** What happens now, and what led to it. */
function Now({ study, rounds }: { study: StudyView; rounds: RoundSummary[] }): ReactElement {
  const open = useRound(roundUnderWay(rounds));
  const closed = useRound(rounds.findLast(({ state }) => isClosed(state)) ?? null);
  const sites = useQuery(sitesQuery);
  const curvesOptions = curvesQuery(study.id);
  const curves = useQuery(curvesOptions);
  const known = [closed, open].flatMap((round) => round.data ?? []);
  return (
    <>
      <Attention study={study} rounds={known} curves={curves.data ?? null} sites={sites.data ?? null} />
      {sites.error !== null && sites.data === undefined && (
        <Answered query={sites} queryKey={sitesQuery.queryKey} what="The sites" framed>
          {() => null}
        </Answered>
      )}
      <div className="columns">
        <CurrentRoundPanel study={study} round={open.data ?? null} sites={sites.data} />
        <Answered query={curves} queryKey={curvesOptions.queryKey} what="The figures" lines={6} framed>
          {(data) => <DicePanel curves={data} last={20} />}
        </Answered>
      </div>
      <FeedPanel rounds={known} />
      <Rounds study={study} rounds={rounds} />
    </>
  );
}

/** A round with its members; none where none is named. */
function useRound(round: RoundSummary | null): UseQueryResult<RoundView> {
  return useQuery({ ...roundQuery(round?.id ?? ''), enabled: round !== null });
}

function Rounds({ study, rounds }: { study: StudyView; rounds: RoundSummary[] }): ReactElement {
  const { rounds: shown, study: wanted } = route.useSearch();
  const all = shown === 'all';
  return (
    <RoundsPanel
      rounds={rounds}
      initialDice={study.initialDice}
      all={all}
      toggle={(text) => (
        <Link to="/" search={{ ...(wanted !== undefined && { study: wanted }), ...(!all && { rounds: 'all' }) }}>
          {text}
        </Link>
      )}
    />
  );
}

function Head({ study, studies }: { study: StudyView; studies: StudyView[] }): ReactElement {
  const navigate = useNavigate();
  return (
    <div className="page-head">
      <h1>
        <Link to="/studies/$studyId" params={{ studyId: study.id }}>
          {study.manifest.name}
        </Link>
      </h1>
      <State is={STUDY_STATES[study.state]} pill />
      <span className="dim">
        {study.roundsCommitted} of {study.manifest.rounds.count} rounds committed
      </span>
      <span className="spacer" />
      {studies.length > 1 && (
        <NativeSelect
          size="xs"
          aria-label="Study on this page"
          value={study.id}
          data={studies.map(({ id, manifest }) => ({ value: id, label: manifest.name }))}
          onChange={(event) => {
            const id = event.currentTarget.value;
            void navigate({ to: '/', search: { study: id } });
          }}
        />
      )}
    </div>
  );
}

function Attention(situation: Omit<Situation, 'now'>): ReactElement | null {
  const found = needs({ ...situation, now: useNow() });
  // "Nothing needs you" is a promise that takes all answers.
  const unknown = situation.sites === null || situation.curves === null;
  return unknown && found.length === 0 ? null : <AttentionPanel needs={found} />;
}

function FirstSteps(): ReactElement {
  return (
    <>
      <div className="page-head">
        <h1>Overview</h1>
      </div>
      <Panel title="No study yet" flush>
        <Blank title="Two steps lead to the first round">
          <ol className="steps">
            <li>
              <Link to="/sites">Enrol the sites</Link>: each gets a one-time code and one command to run.
            </li>
            <li>
              <Link to="/studies">Create a study</Link> and start it: its first round opens once enough sites are
              connected.
            </li>
          </ol>
          <p className="state tone-quiet">
            <Icon name="info" size={14} />
            Images and labels never leave a site; only model weights and prototypes do.
          </p>
        </Blank>
      </Panel>
    </>
  );
}
