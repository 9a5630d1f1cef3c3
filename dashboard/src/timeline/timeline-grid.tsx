import { Link } from '@tanstack/react-router';
import { type CSSProperties, type KeyboardEvent, type ReactElement, useRef, useState } from 'react';
import { Icon } from '../frame/icons.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from '../rounds/appearance.js';
import { endSentence, type Lane, type Scale, sentenceOf, share, type Stretch, ticksOf } from './lanes.js';

interface TimelineGridProps {
  lanes: Lane[];
  scale: Scale;
  title: string;
}

/** Row and cell within it; the cells of a lane are its site, its stretches and its end. */
interface Place {
  row: number;
  cell: number;
}

/** A grid as WAI-ARIA describes it: one tab stop, arrows move within, Home and End go to the ends of a lane. */
export function TimelineGrid({ lanes, scale, title }: TimelineGridProps): ReactElement {
  const [place, setPlace] = useState<Place>({ row: 0, cell: 0 });
  const grid = useRef<HTMLDivElement>(null);
  const here = within(place, lanes);
  const move = (event: KeyboardEvent): void => {
    const next = placeAfter(event.key, here, lanes);
    if (next === null) return;
    event.preventDefault();
    setPlace(next);
    grid.current?.querySelector<HTMLElement>(`[data-cell="${next.row}.${next.cell}"]`)?.focus();
  };
  return (
    <div className="timeline">
      <div ref={grid} role="grid" aria-label={title} className="timeline-lanes" onKeyDown={move}>
        {lanes.map((lane, row) => (
          <LaneRow key={lane.siteId} lane={lane} row={row} scale={scale} here={here} onPlace={setPlace} />
        ))}
      </div>
      <div className="timeline-ticks" aria-hidden="true">
        {ticksOf(scale).map(({ at, text }) => (
          <span key={at} style={{ left: percent(share(scale, at)) }}>
            {text}
          </span>
        ))}
      </div>
      <Key />
    </div>
  );
}

interface LaneRowProps {
  lane: Lane;
  row: number;
  scale: Scale;
  here: Place;
  onPlace: (place: Place) => void;
}

function LaneRow({ lane, row, scale, here, onPlace }: LaneRowProps): ReactElement {
  const cell = (index: number): object => ({
    'data-cell': `${row}.${index}`,
    tabIndex: here.row === row && here.cell === index ? 0 : -1,
    onFocus: () => {
      onPlace({ row, cell: index });
    },
  });
  return (
    <div role="row" className="timeline-lane">
      <span role="rowheader" className="timeline-site">
        <Link to="/sites/$siteId" params={{ siteId: lane.siteId }} {...cell(0)}>
          {lane.site}
        </Link>
      </span>
      <span role="none" className="timeline-track">
        {lane.stretches.map((stretch, index) => (
          <span
            key={stretch.state}
            role="gridcell"
            aria-label={sentenceOf(lane, stretch)}
            title={sentenceOf(lane, stretch)}
            className={`stretch is-${stretch.state}${stretch.running ? ' running' : ''}`}
            style={placed(scale, stretch)}
            {...cell(index + 1)}
          >
            <Icon name={CONTRIBUTION_STATES[stretch.state].icon} size={12} />
          </span>
        ))}
      </span>
      <span
        role="gridcell"
        className="timeline-end"
        title={endSentence(lane)}
        aria-label={endSentence(lane)}
        {...cell(lane.stretches.length + 1)}
      >
        <State is={CONTRIBUTION_STATES[lane.state]} />
      </span>
    </div>
  );
}

const PHASES = ['invited', 'fetching', 'evaluating', 'training', 'uploading'] as const;

function Key(): ReactElement {
  return (
    <ul className="legend timeline-key" aria-hidden="true">
      {PHASES.map((phase) => (
        <li key={phase}>
          <span className={`stretch is-${phase}`}>
            <Icon name={CONTRIBUTION_STATES[phase].icon} size={12} />
          </span>
          {phase}
        </li>
      ))}
      <li>
        <span className="stretch is-training running" />
        still running
      </li>
    </ul>
  );
}

function placed(scale: Scale, { from, to }: Stretch): CSSProperties {
  const [left, right] = [share(scale, from), share(scale, to)];
  return { left: percent(left), width: percent(right - left) };
}

function percent(part: number): string {
  return `${(100 * part).toFixed(3)}%`;
}

function lastCell({ stretches }: Lane): number {
  return stretches.length + 1;
}

/** Lanes come and go while one looks: the place stays inside what there is. */
function within({ row, cell }: Place, lanes: readonly Lane[]): Place {
  const inside = Math.min(row, lanes.length - 1);
  const lane = lanes.at(inside);
  return { row: inside, cell: lane === undefined ? 0 : Math.min(cell, lastCell(lane)) };
}

function placeAfter(key: string, { row, cell }: Place, lanes: readonly Lane[]): Place | null {
  const lane = lanes.at(row);
  if (lane === undefined) return null;
  switch (key) {
    case 'ArrowRight':
      return { row, cell: Math.min(cell + 1, lastCell(lane)) };
    case 'ArrowLeft':
      return { row, cell: Math.max(cell - 1, 0) };
    case 'ArrowDown':
      return within({ row: row + 1, cell }, lanes);
    case 'ArrowUp':
      return within({ row: Math.max(row - 1, 0), cell }, lanes);
    case 'Home':
      return { row, cell: 0 };
    case 'End':
      return { row, cell: lastCell(lane) };
    default:
      return null;
  }
}
