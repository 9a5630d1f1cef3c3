import type { Contribution } from '@consilium/shared';
import type { ReactElement } from 'react';
import { formatCount, formatLoss, formatWeight, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from './appearance.js';
import { Decision } from './decision.js';
import { isAwaited } from './progress.js';

const COLUMNS: readonly Column[] = [
  { title: 'Site' },
  { title: 'State' },
  { title: 'Labelled', figure: true },
  { title: 'Unlabelled', figure: true },
  { title: 'Weight', figure: true },
  { title: 'Size', figure: true },
  { title: 'Loss', figure: true },
  { title: 'Supervised', figure: true },
  { title: 'Unsupervised', figure: true },
  { title: 'CPS', figure: true },
  { title: 'Per step', figure: true },
];

export function ContributionsTable({ contributions }: { contributions: Contribution[] }): ReactElement {
  const byName = contributions.toSorted((a, b) => a.site.localeCompare(b.site, 'en'));
  return (
    <DataTable what="Contributions" columns={COLUMNS}>
      {byName.map((contribution) => (
        <Row key={contribution.siteId} contribution={contribution} />
      ))}
    </DataTable>
  );
}

function Row({ contribution }: { contribution: Contribution }): ReactElement {
  const { site, state, done, total, labelled, unlabelled, weight, bytes, metrics } = contribution;
  const { refusal, quarantine, updateId } = contribution;
  const isHeld = state === 'quarantined' && quarantine !== null && updateId !== null;
  return (
    <>
      <tr className={refusal === null && !isHeld ? undefined : 'led'}>
        <th scope="row">{site}</th>
        <td>
          <State is={CONTRIBUTION_STATES[state]} />
          {isAwaited(contribution) && state !== 'invited' && total > 0 && (
            <span className="dim">
              {' '}
              {done} / {total}
            </span>
          )}
        </td>
        <td className="figure">{formatCount(labelled)}</td>
        <td className="figure">{formatCount(unlabelled)}</td>
        <td className="figure">{formatWeight(weight)}</td>
        <td className="figure">{bytes === null ? NONE : formatBytes(bytes)}</td>
        <td className="figure">
          <strong>{formatLoss(metrics?.loss ?? null)}</strong>
        </td>
        <td className="figure">{formatLoss(metrics?.supervised ?? null)}</td>
        <td className="figure">{formatLoss(metrics?.unsupervised ?? null)}</td>
        <td className="figure">{formatLoss(metrics?.cps ?? null)}</td>
        <td className="figure">{metrics === null ? NONE : `${metrics.secondsPerStep.toFixed(2)} s`}</td>
      </tr>
      {isHeld && (
        <tr className="under">
          <td colSpan={COLUMNS.length}>
            <span className="tone-warn">Held back</span>: {quarantine.sentence}{' '}
            <Decision site={site} updateId={updateId} />
          </td>
        </tr>
      )}
      {refusal !== null && (
        <tr className="under">
          <td colSpan={COLUMNS.length}>
            <span className="tone-bad">Refused because</span> <code>{refusal.reason}</code>: {refusal.sentence}
          </td>
        </tr>
      )}
    </>
  );
}
