import type { StudyView } from '@consilium/shared';
import { Button, Checkbox } from '@mantine/core';
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
import { without } from '../frame/without.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { useMay } from '../session/session.js';
import { COMPARED, parseIds, toggled } from './comparison.js';
import { NewStudyPanel } from './new-study-panel.js';

const COLUMNS: readonly Column[] = [
  { title: 'Compare', untitled: true },
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
  const { new: creating = false, pick = '' } = route.useSearch();
  const picked = parseIds(pick);
  const navigate = useNavigate();
  const mayCreate = useMay('operator') && !creating;
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
        {mayCreate && create}
      </div>
      {creating && <NewStudyPanel />}
      <Panel title="All studies" actions={picked.length > 0 && <CompareButton picked={picked} />} flush>
        <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies">
          {(all) =>
            all.length === 0 ? (
              <Blank title="No study yet">
                <p className="dim">
                  A study fixes the model, the training and the rounds; its digest names it, and sites take part in
                  exactly that.
                </p>
                {mayCreate && create}
              </Blank>
            ) : (
              <StudiesTable studies={all} picked={picked} />
            )
          }
        </Answered>
      </Panel>
    </div>
  );
}

/** Two to four studies, ticked in the table. */
function CompareButton({ picked }: { picked: string[] }): ReactElement {
  const navigate = useNavigate();
  const few = picked.length < COMPARED.least;
  return (
    <>
      <span className="dim" role="status">
        {few ? 'Tick one more to compare' : `${picked.length} of at most ${COMPARED.most} ticked`}
      </span>
      <Button
        variant="default"
        disabled={few}
        onClick={() => void navigate({ to: '/compare', search: { studies: picked.join() } })}
      >
        Compare
      </Button>
    </>
  );
}

function StudiesTable({ studies, picked }: { studies: StudyView[]; picked: string[] }): ReactElement {
  return (
    <DataTable what="Studies" columns={COLUMNS}>
      {studies
        .toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt))
        .map((study) => (
          <tr key={study.id}>
            <td>
              <Pick study={study} picked={picked} />
            </td>
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

function Pick({ study, picked }: { study: StudyView; picked: string[] }): ReactElement {
  const navigate = useNavigate();
  const next = toggled(picked, study.id);
  return (
    <Checkbox
      size="xs"
      aria-label={`Compare ${study.manifest.name}`}
      checked={picked.includes(study.id)}
      disabled={next === null}
      onChange={() =>
        void navigate({
          to: '/studies',
          search: (search) => ({
            ...without(search, 'pick'),
            ...(next !== null && next.length > 0 && { pick: next.join() }),
          }),
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}
