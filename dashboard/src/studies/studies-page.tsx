import type { StudyView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { studiesQuery } from '../api/queries.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { ShortDigest } from '../frame/copyable.js';
import { Icon } from '../frame/icons.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { NewStudyPanel } from './new-study-panel.js';

const COLUMNS: readonly Column[] = [
  { title: 'Study' },
  { title: 'State' },
  { title: 'Rounds committed', figure: true },
  { title: 'Network' },
  { title: 'Digest' },
  { title: 'Created', figure: true },
];

const route = getRouteApi('/frame/studies');

export function StudiesPage(): ReactElement {
  const studies = useQuery(studiesQuery);
  const creating = route.useSearch().new === true;
  const navigate = useNavigate();
  const create = (
    <Button
      leftSection={<Icon name="plus" size={14} />}
      onClick={() => void navigate({ to: '/studies', search: { new: true } })}
    >
      New study
    </Button>
  );
  return (
    <div className="page">
      <div className="page-head">
        <h1>Studies</h1>
        <span className="spacer" />
        {!creating && create}
      </div>
      {creating && <NewStudyPanel />}
      <Panel title="All studies" flush>
        <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies">
          {(all) =>
            all.length === 0 ? (
              <Blank title="No study yet">
                <p className="dim">
                  A study fixes the model, the training and the rounds; its digest names it, and sites take part in
                  exactly that.
                </p>
                {!creating && create}
              </Blank>
            ) : (
              <StudiesTable studies={all} />
            )
          }
        </Answered>
      </Panel>
    </div>
  );
}

function StudiesTable({ studies }: { studies: StudyView[] }): ReactElement {
  return (
    <DataTable what="Studies" columns={COLUMNS}>
      {studies
        .toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))
        .map((study) => (
          <tr key={study.id}>
            <th scope="row">
              <Link to="/studies/$studyId" params={{ studyId: study.id }}>
                {study.manifest.name}
              </Link>
            </th>
            <td title={study.reason ?? undefined}>
              <State is={STUDY_STATES[study.state]} />
            </td>
            <td className="figure">
              {study.roundsCommitted} of {study.manifest.rounds.count}
            </td>
            <td>
              {study.manifest.model.backbone}, width {study.manifest.model.width}
            </td>
            <td>
              <ShortDigest digest={study.digest} what={`the digest of ${study.manifest.name}`} />
            </td>
            <td className="figure">
              <Moment at={study.createdAt} />
            </td>
          </tr>
        ))}
    </DataTable>
  );
}
