import type { Contribution } from '@consilium/shared';
import type { ReactElement } from 'react';
import { formatCount, formatLoss, formatWeight, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from './appearance.js';
import { isAwaited } from './progress.js';

export function ContributionsTable({ contributions }: { contributions: Contribution[] }): ReactElement {
  const byName = contributions.toSorted((a, b) => a.site.localeCompare(b.site, 'en'));
  const refused = contributions.some((each) => each.refusal !== null);
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
            {refused && <th scope="col">Refused because</th>}
          </tr>
        </thead>
        <tbody>
          {byName.map((contribution) => (
            <Row key={contribution.siteId} contribution={contribution} withReason={refused} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ contribution, withReason }: { contribution: Contribution; withReason: boolean }): ReactElement {
  const { site, state, done, total, labelled, unlabelled, weight, bytes, metrics, refusal } = contribution;
  return (
    <tr>
      <th scope="row">{site}</th>
      <td>
        <State is={CONTRIBUTION_STATES[state]} />
        {isAwaited(contribution) && total > 0 && (
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
      {withReason && (
        <td className="sentence">
          {refusal === null ? (
            NONE
          ) : (
            <>
              <code>{refusal.reason}</code>: {refusal.sentence}
            </>
          )}
        </td>
      )}
    </tr>
  );
}
