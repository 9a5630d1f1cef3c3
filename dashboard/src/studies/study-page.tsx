import type { StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { studyQuery } from '../api/queries.js';
import { Icon } from '../frame/icons.js';
import { Answered } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { StudyProgress } from '../rounds/study-progress.js';
import { StudyActions } from './study-actions.js';
import { StudySettings } from './study-settings.js';

const route = getRouteApi('/frame/studies/$studyId');

export function StudyPage(): ReactElement {
  const { studyId } = route.useParams();
  const options = studyQuery(studyId);
  const study = useQuery(options);
  return (
    <div className="page">
      <nav aria-label="Where this study belongs" className="dim">
        <Link to="/studies">Studies</Link>
      </nav>
      <Answered query={study} queryKey={options.queryKey} what="This study" lines={6}>
        {(data) => <Study study={data} />}
      </Answered>
    </div>
  );
}

function Study({ study }: { study: StudyView }): ReactElement {
  const all = route.useSearch().rounds === 'all';
  return (
    <>
      <div className="page-head">
        <h1>{study.manifest.name}</h1>
        <State is={STUDY_STATES[study.state]} pill />
        <span className="dim">
          {study.roundsCommitted} of {study.manifest.rounds.count} rounds committed
        </span>
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
      <StudyProgress
        study={study}
        all={all}
        toggle={(text) => (
          <Link to="/studies/$studyId" params={{ studyId: study.id }} search={all ? {} : { rounds: 'all' }}>
            {text}
          </Link>
        )}
      />
      <StudySettings study={study} />
    </>
  );
}
