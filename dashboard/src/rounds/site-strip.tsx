import type { Contribution, RoundView, SiteView } from '@consilium/shared';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { formatLoss } from '../format/figures.js';
import { Moment } from '../frame/moment.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES, siteAppearance } from './appearance.js';
import { isAwaited, phaseShare } from './progress.js';

/** More lanes than this scroll within the panel, which then takes the keyboard; styles/overview.css has the height. */
const LANES_IN_VIEW = 6;

interface SiteStripProps {
  /** Undefined while they load or when they fail: the round alone then names its members. */
  sites: SiteView[] | undefined;
  round: RoundView | null;
}

interface Lane {
  id: string;
  name: string;
  site: SiteView | undefined;
  contribution: Contribution | undefined;
}

export function SiteStrip({ sites, round }: SiteStripProps): ReactElement | null {
  const all = lanes(sites ?? [], round);
  if (all.length === 0) {
    if (sites === undefined) return null;
    return (
      <p className="notice">
        <span>
          No site is enrolled yet. <Link to="/sites">Enrol the first site</Link>
        </span>
      </p>
    );
  }
  return (
    <ul className="lanes" aria-label="Sites in this round" tabIndex={all.length > LANES_IN_VIEW ? 0 : undefined}>
      {all.map((lane) => (
        <LaneRow key={lane.id} {...lane} />
      ))}
    </ul>
  );
}

/** Members of the round first, then enrolled sites that stand by. */
function lanes(sites: SiteView[], round: RoundView | null): Lane[] {
  const members = (round?.contributions ?? [])
    .toSorted((a, b) => a.site.localeCompare(b.site, 'en'))
    .map((contribution) => ({
      id: contribution.siteId,
      name: contribution.site,
      site: sites.find((site) => site.id === contribution.siteId),
      contribution,
    }));
  const others = sites
    .filter((site) => site.state === 'enrolled' && !members.some((member) => member.id === site.id))
    .map((site) => ({ id: site.id, name: site.name, site, contribution: undefined }));
  return [...members, ...others];
}

function LaneRow({ name, site, contribution }: Lane): ReactElement {
  return (
    <li className="lane">
      <div className="lane-name">
        <strong>{name}</strong>
        {site !== undefined && <State is={siteAppearance(site)} />}
      </div>
      {contribution === undefined ? (
        <div className="dim lane-phase">
          {site?.role === 'observer' ? 'observer' : 'not in a round'}
          {site !== undefined && !site.connected && site.lastSeen !== null && (
            <>
              , seen <Moment at={site.lastSeen} />
            </>
          )}
        </div>
      ) : (
        <Phase contribution={contribution} />
      )}
    </li>
  );
}

function Phase({ contribution }: { contribution: Contribution }): ReactElement {
  const { state, done, total, metrics, site, refusal } = contribution;
  const share = phaseShare(contribution);
  // An invited site has yet to say anything.
  const counted = isAwaited(contribution) && state !== 'invited' && total > 0;
  const appearance = CONTRIBUTION_STATES[state];
  const percent = Math.round((share ?? 0) * 100);
  return (
    <div className="lane-phase">
      <State is={appearance} />
      {refusal === null ? (
        <div
          className={`bar tone-${appearance.tone}`}
          role="progressbar"
          aria-label={`${site}: ${appearance.word}`}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={percent}
          aria-valuetext={counted ? `${done} of ${total}` : appearance.word}
        >
          <span style={{ width: `${percent}%` }} />
        </div>
      ) : (
        <code title={refusal.sentence}>{refusal.reason}</code>
      )}
      <span className="lane-count dim">{counted ? `${done} / ${total}` : ''}</span>
      <span className="lane-loss" title="Loss over the steps reported last">
        {metrics === null ? '' : `loss ${formatLoss(metrics.loss)}`}
      </span>
    </div>
  );
}
