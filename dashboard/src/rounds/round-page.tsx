import type { RoundView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement, ReactNode } from 'react';
import { roundQuery, studyQuery } from '../api/queries.js';
import { formatDice, formatLoss, formatMillimetres, NONE, plural } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { formatSpan } from '../format/time.js';
import { ShortDigest } from '../frame/copyable.js';
import { Icon } from '../frame/icons.js';
import { Countdown, Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { ROUND_STATES } from './appearance.js';
import { ContributionsTable } from './contributions-table.js';
import { acceptedCount, isUnderWay } from './progress.js';

const route = getRouteApi('/frame/rounds/$roundId');

export function RoundPage(): ReactElement {
  const { roundId } = route.useParams();
  const options = roundQuery(roundId);
  const round = useQuery(options);
  return (
    <div className="page">
      <Answered query={round} queryKey={options.queryKey} what="This round" lines={6}>
        {(data) => <Round round={data} />}
      </Answered>
    </div>
  );
}

function Round({ round }: { round: RoundView }): ReactElement {
  const study = useQuery(studyQuery(round.studyId));
  return (
    <>
      <nav aria-label="Where this round belongs" className="dim">
        <Link to="/studies">Studies</Link> /{' '}
        <Link to="/studies/$studyId" params={{ studyId: round.studyId }}>
          {study.data?.manifest.name ?? 'Study'}
        </Link>
      </nav>
      <div className="page-head">
        <h1>Round {round.number}</h1>
        <State is={ROUND_STATES[round.state]} pill />
      </div>
      {round.reason !== null && (
        <p className="panel notice" role="note">
          <span className="tone-bad">
            <Icon name="warning" />
          </span>
          <span>{round.reason}</span>
        </p>
      )}
      <Facts round={round} />
      <Panel title="Contributions" flush>
        <ContributionsTable contributions={round.contributions} />
      </Panel>
      <Evaluations round={round} />
    </>
  );
}

function Facts({ round }: { round: RoundView }): ReactElement {
  return (
    <section className="panel panel-body" aria-label="Figures of this round" style={{ flex: 'none' }}>
      <dl className="facts large">
        <Fact name="Updates">
          {acceptedCount(round)} of {round.contributions.length} <span className="aside">quorum {round.quorum}</span>
        </Fact>
        <Fact name="Dice">{formatDice(round.dice)}</Fact>
        <Fact name="Loss">{formatLoss(round.loss)}</Fact>
        <Fact name="Received">{round.bytes === 0 ? NONE : formatBytes(round.bytes)}</Fact>
        <Fact name="Opened">{round.openedAt === null ? NONE : <Moment at={round.openedAt} />}</Fact>
        {isUnderWay(round.state) || round.closedAt === null ? (
          <Fact name="Deadline">{round.deadline === null ? NONE : <Countdown to={round.deadline} />}</Fact>
        ) : (
          <Fact name="Took">
            {round.openedAt === null ? NONE : formatSpan(Date.parse(round.closedAt) - Date.parse(round.openedAt))}
          </Fact>
        )}
      </dl>
      <dl className="facts" style={{ marginTop: 14 }}>
        <Fact name="Started from model">
          <ShortDigest digest={round.base} what="the digest of the model before" />
        </Fact>
        {round.result !== null && (
          <Fact name={`Committed model (${formatBytes(round.result.bytes)})`}>
            <ShortDigest digest={round.result.digest} what="the digest of the committed model" />
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Evaluations({ round }: { round: RoundView }): ReactElement {
  const volumes = round.evaluations.reduce((sum, evaluation) => sum + evaluation.volumes, 0);
  return (
    <Panel title="Evaluation of the committed model" flush>
      {round.evaluations.length === 0 ? (
        <Blank title="No site has evaluated this round's model">
          <p className="dim">
            {round.state === 'committed'
              ? 'Sites with validation volumes report within a few minutes of a commit.'
              : 'There is a model to evaluate once the round is committed.'}
          </p>
        </Blank>
      ) : (
        <div className="table-scroll" tabIndex={0} role="region" aria-label="Evaluations, table">
          <table className="plain narrow">
            <thead>
              <tr>
                <th scope="col">Site</th>
                <th scope="col" className="figure">
                  Validation volumes
                </th>
                <th scope="col" className="figure">
                  Dice
                </th>
                <th scope="col" className="figure">
                  95 % Hausdorff distance
                </th>
              </tr>
            </thead>
            <tbody>
              {round.evaluations.map((evaluation) => (
                <tr key={evaluation.site}>
                  <th scope="row">{evaluation.site}</th>
                  <td className="figure">{evaluation.volumes}</td>
                  <td className="figure">{formatDice(evaluation.dice)}</td>
                  <td className="figure">{formatMillimetres(evaluation.hd95)}</td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">All, by volume</th>
                <td className="figure">{plural(volumes, 'volume')}</td>
                <td className="figure">
                  <strong>{formatDice(round.dice)}</strong>
                </td>
                <td />
              </tr>
            </tfoot>
          </table>
        </div>
      )}
    </Panel>
  );
}
