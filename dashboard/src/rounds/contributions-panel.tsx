import type { Contribution, RoundView, UpdateEvidence } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { evidenceQuery } from '../api/insight-queries.js';
import { formatCosine, formatCount, formatLoss, formatNorm, formatWeight, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { formatSpan } from '../format/time.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from './appearance.js';
import { Decision } from './decision.js';
import { isAwaited } from './progress.js';

const COLUMNS: readonly Column[] = [
  { title: 'Site' },
  { title: 'State' },
  { title: 'Labelled', figure: true },
  { title: 'Unlabelled', figure: true },
  { title: 'Size', figure: true },
  { title: 'Upload', figure: true },
  { title: 'Norm', figure: true },
  { title: 'Cosine', figure: true },
  { title: 'Weight', figure: true },
  { title: 'Loss', figure: true },
  { title: 'Supervised', figure: true },
  { title: 'Unsupervised', figure: true },
  { title: 'CPS', figure: true },
  { title: 'Per step', figure: true },
];

/** Who brought what into a round, and what was decided about it. */
export function ContributionsPanel({ round }: { round: RoundView }): ReactElement {
  const evidence = useQuery(evidenceQuery(round.id));
  const ofSite = new Map(evidence.data?.map((each) => [each.siteId, each]));
  const byName = round.contributions.toSorted((a, b) => a.site.localeCompare(b.site, 'en'));
  return (
    <Panel title="Contributions" flush>
      <DataTable what="Contributions" columns={COLUMNS}>
        {byName.map((contribution) => (
          <Row key={contribution.siteId} contribution={contribution} evidence={ofSite.get(contribution.siteId)} />
        ))}
      </DataTable>
    </Panel>
  );
}

interface RowProps {
  contribution: Contribution;
  evidence: UpdateEvidence | undefined;
}

function Row({ contribution, evidence }: RowProps): ReactElement {
  const { siteId, site, labelled, unlabelled, weight, bytes, metrics, norm } = contribution;
  const verdict = verdictOn(contribution);
  return (
    <>
      <tr className={verdict === null ? undefined : 'led'}>
        <th scope="row">
          <Link to="/sites/$siteId" params={{ siteId }}>
            {site}
          </Link>
        </th>
        <td>
          <StateOf contribution={contribution} />
        </td>
        <td className="figure">{formatCount(labelled)}</td>
        <td className="figure">{formatCount(unlabelled)}</td>
        <td className="figure">{bytes === null ? NONE : formatBytes(bytes)}</td>
        <td className="figure">
          <Upload evidence={evidence} />
        </td>
        <td className="figure">{formatNorm(norm)}</td>
        <td className="figure">{formatCosine(evidence?.cosine ?? null)}</td>
        <td className="figure">
          <strong>{formatWeight(weight)}</strong>
        </td>
        <td className="figure">{formatLoss(metrics?.loss ?? null)}</td>
        <td className="figure">{formatLoss(metrics?.supervised ?? null)}</td>
        <td className="figure">{formatLoss(metrics?.unsupervised ?? null)}</td>
        <td className="figure">{formatLoss(metrics?.cps ?? null)}</td>
        <td className="figure">{metrics === null ? NONE : `${metrics.secondsPerStep.toFixed(2)} s`}</td>
      </tr>
      {verdict !== null && (
        <tr className="under">
          <td colSpan={COLUMNS.length}>{verdict}</td>
        </tr>
      )}
    </>
  );
}

function StateOf({ contribution }: { contribution: Contribution }): ReactElement {
  const { state, done, total } = contribution;
  return (
    <>
      <State is={CONTRIBUTION_STATES[state]} />
      {isAwaited(contribution) && state !== 'invited' && total > 0 && (
        <span className="dim">
          {' '}
          {done} / {total}
        </span>
      )}
    </>
  );
}

function Upload({ evidence }: { evidence: UpdateEvidence | undefined }): ReactElement | string {
  const upload = evidence?.upload ?? null;
  if (upload === null) return NONE;
  const seconds = upload.milliseconds / 1000;
  const took = seconds < 10 ? `${seconds.toFixed(1)} s` : formatSpan(upload.milliseconds);
  return <span title={`${formatBytes(upload.bytes)} travelled`}>{took}</span>;
}

/** Why an update is not in the aggregate; null where nothing stands against it. */
function verdictOn({ site, state, refusal, quarantine, updateId, staleness }: Contribution): ReactElement | null {
  if (state === 'quarantined' && quarantine !== null && updateId !== null) {
    return (
      <>
        <span className="tone-warn">Held back</span>: {quarantine.sentence} <Decision site={site} updateId={updateId} />
      </>
    );
  }
  if (refusal !== null) {
    return (
      <>
        <span className="tone-bad">Refused because</span> <code>{refusal.reason}</code>: {refusal.sentence}
      </>
    );
  }
  if (staleness === 0) return null;
  return (
    <>
      <span className="tone-warn">Came late</span>: it was trained for a round {staleness} before this one, and counts
      less for it.
    </>
  );
}
