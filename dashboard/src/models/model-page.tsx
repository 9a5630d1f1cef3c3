import type { ModelLineage, StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { lineageQuery } from '../api/insight-queries.js';
import { studyQuery } from '../api/queries.js';
import { formatCount, formatDice, formatMillimetres, formatShare, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Fact, Facts } from '../frame/facts.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { WayBack } from '../frame/way-back.js';
import { DownloadButton } from './download-button.js';
import { ReleasePanel } from './release-panel.js';
import { VerifyPanel } from './verify-panel.js';

const route = getRouteApi('/frame/models/$studyId/$version');

export function ModelPage(): ReactElement {
  const { studyId, version } = route.useParams();
  const options = lineageQuery(studyId);
  const lineage = useQuery(options);
  const study = useQuery(studyQuery(studyId));
  return (
    <div className="page">
      <WayBack
        steps={[
          { to: '/models', text: 'Models' },
          { to: '/studies/$studyId', params: { studyId }, text: study.data?.manifest.name ?? 'Study' },
        ]}
      />
      <Answered query={lineage} queryKey={options.queryKey} what="This model" lines={6} framed heading="Model">
        {(versions) => {
          const model = versions.find((each) => String(each.version) === version);
          return model === undefined ? (
            <>
              <div className="page-head">
                <h1>No such version</h1>
              </div>
              <Panel title={`Version ${version}`} flush>
                <Blank title={`The study has ${versions.length} versions, and this is none of them`} />
              </Panel>
            </>
          ) : (
            <Model model={model} study={study.data} />
          );
        }}
      </Answered>
    </div>
  );
}

function Model({ model, study }: { model: ModelLineage; study: StudyView | undefined }): ReactElement {
  const { version, blob, dice, hd95, evaluations, createdAt } = model;
  return (
    <>
      <div className="page-head">
        <h1>{version === 0 ? 'Initial model' : `Version ${version}`}</h1>
        <span className="spacer" />
        <DownloadButton model={model} study={study} />
      </div>
      <section className="panel panel-body" aria-label="Figures of this model" style={{ flex: 'none' }}>
        <Facts large>
          <Fact name="Dice">{formatDice(dice)}</Fact>
          <Fact name="HD95">{formatMillimetres(hd95)}</Fact>
          <Fact name="Measured by">{evaluations === 0 ? 'no site yet' : `${evaluations} sites`}</Fact>
          <Fact name="Size">{formatBytes(blob.bytes)}</Fact>
          <Fact name="Made">
            <Moment at={createdAt} />
          </Fact>
        </Facts>
      </section>
      <ReleasePanel model={model} />
      <Lineage model={model} study={study} />
      <Contributors model={model} />
      <VerifyPanel key={blob.digest} model={model} />
    </>
  );
}

/** Version, round, contributors and settings: everything that the model depends on, each a link. */
function Lineage({ model, study }: { model: ModelLineage; study: StudyView | undefined }): ReactElement {
  const { version, roundId, base, blob, optimiser, studyId } = model;
  return (
    <Panel title="Lineage">
      <Facts>
        <Fact name="This model">
          <ShortDigest digest={blob.digest} what="the digest of this model" />
        </Fact>
        <Fact name="Made by">
          {roundId === null ? (
            'the settings of its study'
          ) : (
            <Link to="/rounds/$roundId" params={{ roundId }}>
              Round {version}
            </Link>
          )}
        </Fact>
        <Fact name="From">
          {base === null ? (
            NONE
          ) : (
            <>
              <Link to="/models/$studyId/$version" params={{ studyId, version: String(version - 1) }}>
                {version === 1 ? 'the initial model' : `version ${version - 1}`}
              </Link>{' '}
              <ShortDigest digest={base} what="the digest of the model before" />
            </>
          )}
        </Fact>
        <Fact name="Rule">{study?.manifest.aggregation.rule.name ?? NONE}</Fact>
        {optimiser !== null && (
          <Fact name="Optimiser after it">
            <ShortDigest digest={optimiser} what="the digest of what the optimiser keeps" />
          </Fact>
        )}
        <Fact name="Settings">
          {study === undefined ? NONE : <ShortDigest digest={study.digest} what="the digest of the settings" />}
        </Fact>
      </Facts>
    </Panel>
  );
}

const COLUMNS: readonly Column[] = [
  { title: 'Site' },
  { title: 'Weight', figure: true },
  { title: 'Labelled', figure: true },
  { title: 'Unlabelled', figure: true },
  { title: 'Update' },
];

function Contributors({ model }: { model: ModelLineage }): ReactElement {
  const { contributors } = model;
  return (
    <Panel title="Contributors" flush>
      {contributors.length === 0 ? (
        <Blank title="No site has contributed to it">
          <p className="dim">The first model of a study is drawn from a seed, or taken over from another study.</p>
        </Blank>
      ) : (
        <DataTable what="Contributors" columns={COLUMNS}>
          {contributors.map(({ siteId, site, weight, labelled, unlabelled, blob }) => (
            <tr key={siteId}>
              <th scope="row">
                <Link to="/sites/$siteId" params={{ siteId }}>
                  {site}
                </Link>
              </th>
              <td className="figure">{formatShare(weight)}</td>
              <td className="figure">{formatCount(labelled)}</td>
              <td className="figure">{formatCount(unlabelled)}</td>
              <td>
                <ShortDigest digest={blob} what={`the digest of the update of ${site}`} />
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </Panel>
  );
}
