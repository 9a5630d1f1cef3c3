import type { Participation, SiteView, Transfer } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { participationQuery, transfersQuery } from '../api/insight-queries.js';
import { sitesQuery } from '../api/queries.js';
import { formatCount, formatLoss, formatShare, NONE, plural } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { formatSpan } from '../format/time.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { WayBack } from '../frame/way-back.js';
import { CONTRIBUTION_STATES, siteAppearance } from '../rounds/appearance.js';
import { SiteActions } from './site-actions.js';
import { SiteFacts } from './site-facts.js';

const route = getRouteApi('/frame/sites/$siteId');

export function SitePage(): ReactElement {
  const { siteId } = route.useParams();
  const sites = useQuery(sitesQuery);
  return (
    <div className="page">
      <WayBack steps={[{ to: '/sites', text: 'Sites' }]} />
      <Answered query={sites} queryKey={sitesQuery.queryKey} what="This site" lines={6} framed heading="Site">
        {(all) => {
          const site = all.find(({ id }) => id === siteId);
          return site === undefined ? <NoSuchSite /> : <Site site={site} />;
        }}
      </Answered>
    </div>
  );
}

function NoSuchSite(): ReactElement {
  return (
    <Panel title="There is no such site" flush>
      <Blank title="The address names none of this federation">
        <p>
          <Link to="/sites">See all sites</Link>
        </p>
      </Blank>
    </Panel>
  );
}

function Site({ site }: { site: SiteView }): ReactElement {
  const participation = useQuery(participationQuery(site.id));
  return (
    <>
      <div className="page-head">
        <h1>{site.name}</h1>
        <State is={siteAppearance(site)} pill />
        <span className="dim">{site.role}</span>
        <span className="spacer" />
        <SiteActions site={site} />
      </div>
      {site.exclusion !== null && (
        <p className="panel notice" role="note">
          <span>
            Excluded <Moment at={site.exclusion.since} />: {site.exclusion.sentence}
          </span>
        </p>
      )}
      <SiteFacts site={site} />
      <Answered
        query={participation}
        queryKey={participationQuery(site.id).queryKey}
        what="Its rounds"
        lines={6}
        framed
      >
        {(rounds) => <Rounds rounds={rounds} />}
      </Answered>
      <Transfers siteId={site.id} />
    </>
  );
}

const ROUND_COLUMNS: readonly Column[] = [
  { title: 'Round' },
  { title: 'Study' },
  { title: 'State' },
  { title: 'Labelled', figure: true },
  { title: 'Unlabelled', figure: true },
  { title: 'Size', figure: true },
  { title: 'Loss', figure: true },
  { title: 'Opened', figure: true },
  { title: 'Answered after', figure: true },
];

function Rounds({ rounds }: { rounds: Participation[] }): ReactElement {
  const refused = rounds.filter(({ state }) => state === 'refused').length;
  const accepted = rounds.filter(({ state }) => state === 'accepted').length;
  return (
    <Panel
      title="Participation"
      actions={
        rounds.length > 0 && (
          <span className="dim">
            accepted in {accepted} of {plural(rounds.length, 'round')} ({formatShare(accepted / rounds.length)}),{' '}
            {plural(refused, 'refusal')}
          </span>
        )
      }
      flush
    >
      {rounds.length === 0 ? (
        <Blank title="It was a member of no round yet">
          <p className="dim">A round takes the trainers that are connected when it opens.</p>
        </Blank>
      ) : (
        <DataTable what="Participation" columns={ROUND_COLUMNS}>
          {rounds.map((round) => (
            <RoundRow key={round.roundId} round={round} />
          ))}
        </DataTable>
      )}
    </Panel>
  );
}

function RoundRow({ round }: { round: Participation }): ReactElement {
  const { refusal, openedAt, updatedAt, state } = round;
  return (
    <>
      <tr className={refusal === null ? undefined : 'led'}>
        <th scope="row">
          <Link to="/rounds/$roundId" params={{ roundId: round.roundId }}>
            Round {round.number}
          </Link>
        </th>
        <td>
          <Link to="/studies/$studyId" params={{ studyId: round.studyId }}>
            {round.study}
          </Link>
        </td>
        <td>
          <State is={CONTRIBUTION_STATES[state]} />
        </td>
        <td className="figure">{formatCount(round.labelled)}</td>
        <td className="figure">{formatCount(round.unlabelled)}</td>
        <td className="figure">{round.bytes === null ? NONE : formatBytes(round.bytes)}</td>
        <td className="figure">{formatLoss(round.loss)}</td>
        <td className="figure">{openedAt === null ? NONE : <Moment at={openedAt} />}</td>
        <td className="figure">
          {openedAt === null || state !== 'accepted' ? NONE : formatSpan(Date.parse(updatedAt) - Date.parse(openedAt))}
        </td>
      </tr>
      {refusal !== null && (
        <tr className="under">
          <td colSpan={ROUND_COLUMNS.length}>
            <span className="tone-bad">Refused because</span> <code>{refusal.reason}</code>: {refusal.sentence}
          </td>
        </tr>
      )}
    </>
  );
}

const TRANSFER_COLUMNS: readonly Column[] = [
  { title: 'Object' },
  { title: 'Direction' },
  { title: 'Encoding' },
  { title: 'Bytes', figure: true },
  { title: 'Took', figure: true },
  { title: 'Rate', figure: true },
  { title: 'Started', figure: true },
];

function Transfers({ siteId }: { siteId: string }): ReactElement {
  const options = transfersQuery(siteId);
  const transfers = useQuery(options);
  return (
    <Panel title="Transfers" actions={<span className="dim">the newest 100</span>} flush>
      <Answered query={transfers} queryKey={options.queryKey} what="Its transfers">
        {(rows) =>
          rows.length === 0 ? (
            <Blank title="Nothing has moved between this site and the server yet">
              <p className="dim">
                Models that it fetches and updates that it sends are listed here, request by request.
              </p>
            </Blank>
          ) : (
            <DataTable what="Transfers" columns={TRANSFER_COLUMNS}>
              {rows.map((row) => (
                <TransferRow key={`${row.startedAt} ${row.digest}`} transfer={row} />
              ))}
            </DataTable>
          )
        }
      </Answered>
    </Panel>
  );
}

function TransferRow({ transfer }: { transfer: Transfer }): ReactElement {
  const { digest, direction, encoding, bytes, milliseconds, startedAt } = transfer;
  return (
    <tr>
      <th scope="row">
        <ShortDigest digest={digest} what="the digest of the object" />
      </th>
      <td>
        <State
          is={
            direction === 'up'
              ? { icon: 'up', word: 'left the site', tone: 'quiet' }
              : { icon: 'down', word: 'to the site', tone: 'quiet' }
          }
        />
      </td>
      <td>{encoding}</td>
      <td className="figure">{formatBytes(bytes)}</td>
      <td className="figure">{milliseconds < 1000 ? `${milliseconds} ms` : formatSpan(milliseconds)}</td>
      <td className="figure">{milliseconds === 0 ? NONE : `${formatBytes((1000 * bytes) / milliseconds)}/s`}</td>
      <td className="figure">
        <Moment at={startedAt} />
      </td>
    </tr>
  );
}
