import type { Contribution } from '@consilium/shared';
import type { ReactElement } from 'react';
import { formatCount, formatLoss, formatWeight, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from './appearance.js';
import { isAwaited } from './progress.js';

export function ContributionsTable({ contributions }: { contributions: Contribution[] }): ReactElement {
  const byName = contributions.toSorted((a, b) => a.site.localeCompare(b.site, 'en'));
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Contributions, table">
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Site</th>
            <th scope="col">State</th>
            <th scope="col" className="figure">
              Labelled
            </th>
            <th scope="col" className="figure">
              Unlabelled
            </th>
            <th scope="col" className="figure">
              Weight
            </th>
            <th scope="col" className="figure">
              Size
            </th>
            <th scope="col" className="figure">
              Loss
            </th>
            <th scope="col" className="figure">
              Supervised
            </th>
            <th scope="col" className="figure">
              Unsupervised
            </th>
            <th scope="col" className="figure">
              CPS
            </th>
            <th scope="col" className="figure">
              Per step
            </th>
          </tr>
        </thead>
        <tbody>
          {byName.map((contribution) => (
            <Row key={contribution.siteId} contribution={contribution} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const COLUMNS = 11;

function Row({ contribution }: { contribution: Contribution }): ReactElement {
  const { site, state, done, total, labelled, unlabelled, weight, bytes, metrics, refusal } = contribution;
  return (
    <>
      <tr className={refusal === null ? undefined : 'led'}>
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
      {refusal !== null && (
        <tr className="under">
          <td colSpan={COLUMNS}>
            <span className="tone-bad">Refused because</span> <code>{refusal.reason}</code>: {refusal.sentence}
          </td>
        </tr>
      )}
    </>
  );
}
