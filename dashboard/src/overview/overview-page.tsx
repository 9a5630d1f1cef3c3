import type { RoundView, SiteView, StudyView } from '@consilium/shared';
import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { sitesQuery, studiesQuery, studyRoundsQuery } from '../api/queries.js';
import { Icon } from '../frame/icons.js';
import { useNow } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { StudyProgress } from '../rounds/study-progress.js';
import { AttentionPanel } from './attention-panel.js';
import { needs } from './attention.js';
import { currentStudy } from './current-study.js';

const route = getRouteApi('/frame/');

export function OverviewPage(): ReactElement {
  const studies = useQuery(studiesQuery);
  const { study: wanted } = route.useSearch();
  return (
    <div className="page">
      {studies.data === undefined && (
        <div className="page-head">
          <h1>Overview</h1>
        </div>
      )}
      <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies" lines={6}>
        {(all) => {
          const study = currentStudy(all, wanted);
          return study === null ? <FirstSteps /> : <StudyOverview study={study} studies={all} />;
        }}
      </Answered>
    </div>
  );
}

function StudyOverview({ study, studies }: { study: StudyView; studies: StudyView[] }): ReactElement {
  const rounds = useQuery(studyRoundsQuery(study.id));
  const sites = useQuery(sitesQuery);
  const { rounds: shown, study: wanted } = route.useSearch();
  const all = shown === 'all';
  return (
    <>
      <Head study={study} studies={studies} />
      {rounds.data !== undefined && <Attention study={study} rounds={rounds.data} sites={sites.data ?? null} />}
      {sites.error !== null && sites.data === undefined && (
        <div className="panel">
          <Answered query={sites} queryKey={sitesQuery.queryKey} what="The sites">
            {() => null}
          </Answered>
        </div>
      )}
      <StudyProgress
        study={study}
        all={all}
        toggle={(text) => (
          <Link to="/" search={{ ...(wanted !== undefined && { study: wanted }), ...(!all && { rounds: 'all' }) }}>
            {text}
          </Link>
        )}
      />
    </>
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

interface AttentionProps {
  study: StudyView;
  rounds: RoundView[];
  sites: SiteView[] | null;
}

function Attention({ study, rounds, sites }: AttentionProps): ReactElement | null {
  const found = needs({ study, rounds, sites, now: useNow() });
  // "Nothing needs you" is a promise that takes all answers.
  return sites === null && found.length === 0 ? null : <AttentionPanel needs={found} />;
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
