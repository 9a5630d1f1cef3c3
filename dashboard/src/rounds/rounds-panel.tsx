import type { RoundSummary } from '@consilium/shared';
import { Link } from '@tanstack/react-router';
import type { ReactElement, ReactNode } from 'react';
import { formatChange, formatDice, formatLoss, NONE } from '../format/figures.js';
import { formatBytes } from '../format/size.js';
import { formatSpan } from '../format/time.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { ShortDigest } from '../frame/copyable.js';
import { Moment } from '../frame/moment.js';
import { Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { ROUND_STATES } from './appearance.js';

const COLUMNS: readonly Column[] = [
  { title: 'Round' },
  { title: 'State' },
  { title: 'Sites accepted', figure: true },
  { title: 'Dice', figure: true },
  { title: 'Change', figure: true },
  { title: 'Loss', figure: true },
  { title: 'Received', figure: true },
  { title: 'Model' },
  { title: 'Took', figure: true },
  { title: 'Opened', figure: true },
];

/** More rows than this are there on demand: the newest are what one comes for. */
const RECENT_ROUNDS = 20;

interface RoundsPanelProps {
  rounds: RoundSummary[];
  initialDice: number | null;
  all: boolean;
  /** A link to this page with the other choice; its text says which. */
  toggle: (text: string) => ReactNode;
}

export function RoundsPanel({ rounds, initialDice, all, toggle }: RoundsPanelProps): ReactElement {
  const newestFirst = rounds.toReversed();
  const shown = all ? newestFirst : newestFirst.slice(0, RECENT_ROUNDS);
  return (
    <Panel
      title="Rounds"
      actions={
        rounds.length > RECENT_ROUNDS && toggle(all ? `Show the newest ${RECENT_ROUNDS}` : `Show all ${rounds.length}`)
      }
      flush
    >
      {shown.length === 0 ? (
        <Blank title="No round has opened yet">
          <p className="dim">A round opens once the study runs and enough sites are connected.</p>
        </Blank>
      ) : (
        <DataTable what="Rounds" columns={COLUMNS}>
          {shown.map((round) => (
            <Row key={round.id} round={round} before={diceBefore(round, rounds, initialDice)} />
          ))}
        </DataTable>
      )}
    </Panel>
  );
}

function Row({ round, before }: { round: RoundSummary; before: number | null }): ReactElement {
  const change = round.dice === null || before === null ? null : round.dice - before;
  return (
    <tr>
      <th scope="row">
        <Link to="/rounds/$roundId" params={{ roundId: round.id }}>
          Round {round.number}
        </Link>
      </th>
      <td title={round.reason ?? undefined}>
        <State is={ROUND_STATES[round.state]} />
      </td>
      <td className="figure">
        {round.accepted} of {round.members}
      </td>
      <td className="figure">
        <strong>{formatDice(round.dice)}</strong>
      </td>
      <td className={`figure ${change !== null && change < -0.0005 ? 'tone-bad' : 'dim'}`}>
        {change === null ? NONE : formatChange(change)}
      </td>
      <td className="figure">{formatLoss(round.loss)}</td>
      <td className="figure">{round.bytes === 0 ? NONE : formatBytes(round.bytes)}</td>
      <td>
        {round.result === null ? (
          NONE
        ) : (
          <ShortDigest digest={round.result.digest} what={`the digest of model ${round.number}`} />
        )}
      </td>
      <td className="figure">
        {round.closedAt === null || round.openedAt === null
          ? NONE
          : formatSpan(Date.parse(round.closedAt) - Date.parse(round.openedAt))}
      </td>
      <td className="figure">{round.openedAt === null ? NONE : <Moment at={round.openedAt} />}</td>
    </tr>
  );
}

/** Dice of the model that this round started from. */
function diceBefore(round: RoundSummary, rounds: RoundSummary[], initialDice: number | null): number | null {
  const before = rounds.findLast((other) => other.state === 'committed' && other.number < round.number);
  return before === undefined ? initialDice : before.dice;
}
