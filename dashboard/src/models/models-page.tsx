import type { ModelLineage, StudyView } from '@consilium/shared';
import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { lineageQuery } from '../api/insight-queries.js';
import { studiesQuery } from '../api/queries.js';
import { formatChange, formatDice, formatMillimetres, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { currentStudy } from '../overview/current-study.js';

const COLUMNS: readonly Column[] = [
  { title: 'Version' },
  { title: 'Round' },
  { title: 'Dice', figure: true },
  { title: 'Change', figure: true },
  { title: 'HD95', figure: true },
  { title: 'Measured by', figure: true },
  { title: 'Contributors' },
  { title: 'Digest' },
  { title: 'Size', figure: true },
  { title: 'Made', figure: true },
];

const route = getRouteApi('/frame/models');

export function ModelsPage(): ReactElement {
  const studies = useQuery(studiesQuery);
  const { study: wanted } = route.useSearch();
  return (
    <div className="page">
      <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies" lines={6} framed heading="Models">
        {(all) => {
          const study = currentStudy(all, wanted);
          return study === null ? <NoModels /> : <Models study={study} studies={all} />;
        }}
      </Answered>
    </div>
  );
}

function NoModels(): ReactElement {
  return (
    <>
      <div className="page-head">
        <h1>Models</h1>
      </div>
      <Panel title="No model yet" flush>
        <Blank title="Models come from studies">
          <p>
            <Link to="/studies" search={{ new: true }}>
              Create a study
            </Link>
            : its initial model is there at once, and every committed round adds a version.
          </p>
        </Blank>
      </Panel>
    </>
  );
}

function Models({ study, studies }: { study: StudyView; studies: StudyView[] }): ReactElement {
  const options = lineageQuery(study.id);
  const lineage = useQuery(options);
  const navigate = useNavigate();
  return (
    <>
      <div className="page-head">
        <h1>Models</h1>
        <Link to="/studies/$studyId" params={{ studyId: study.id }}>
          {study.manifest.name}
        </Link>
        <span className="spacer" />
        {studies.length > 1 && (
          <NativeSelect
            size="xs"
            aria-label="Study on this page"
            value={study.id}
            data={studies.map(({ id, manifest }) => ({ value: id, label: manifest.name }))}
            onChange={(event) => {
              const id = event.currentTarget.value;
              void navigate({ to: '/models', search: { study: id } });
            }}
          />
        )}
      </div>
      <Panel title="Versions" flush>
        <Answered query={lineage} queryKey={options.queryKey} what="The models" lines={6}>
          {(versions) => (
            <DataTable what="Versions" columns={COLUMNS}>
              {versions.toReversed().map((model) => (
                <Row key={model.version} model={model} before={versions[model.version - 1]} />
              ))}
            </DataTable>
          )}
        </Answered>
      </Panel>
    </>
  );
}

function Row({ model, before }: { model: ModelLineage; before: ModelLineage | undefined }): ReactElement {
  const { studyId, version, roundId, blob, dice, hd95, evaluations, contributors, createdAt } = model;
  const change = dice === null || before === undefined || before.dice === null ? null : dice - before.dice;
  return (
    <tr>
      <th scope="row">
        <Link to="/models/$studyId/$version" params={{ studyId, version: String(version) }}>
          {version === 0 ? 'Initial model' : `Version ${version}`}
        </Link>
      </th>
      <td>
        {roundId === null ? (
          NONE
        ) : (
          <Link to="/rounds/$roundId" params={{ roundId }}>
            Round {version}
          </Link>
        )}
      </td>
      <td className="figure">
        <strong>{formatDice(dice)}</strong>
      </td>
      <td className={`figure ${change !== null && change < -0.0005 ? 'tone-bad' : 'dim'}`}>
        {change === null ? NONE : formatChange(change)}
      </td>
      <td className="figure">{formatMillimetres(hd95)}</td>
      <td className="figure">{evaluations === 0 ? NONE : evaluations}</td>
      <td className="clipped" title={contributors.map(({ site }) => site).join(', ')}>
        {contributors.length === 0 ? NONE : namesOf(contributors)}
      </td>
      <td>
        <ShortDigest digest={blob.digest} what={`the digest of version ${version}`} />
      </td>
      <td className="figure">{formatBytes(blob.bytes)}</td>
      <td className="figure">
        <Moment at={createdAt} />
      </td>
    </tr>
  );
}

/** "abbey, north", "abbey, north and 68 more". */
function namesOf(contributors: ModelLineage['contributors']): string {
  const names = contributors.map(({ site }) => site);
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}
