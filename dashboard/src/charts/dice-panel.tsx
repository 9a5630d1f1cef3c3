import { SegmentedControl, Skeleton } from '@mantine/core';
import type { RoundView } from '@consilium/shared';
import { lazy, type ReactElement, Suspense, useMemo, useState } from 'react';
import { Blank, Panel } from '../frame/panel.js';
import { formatDice } from '../format/figures.js';
import { type DiceSeries, diceSeries, diceSummary } from './dice-series.js';
import { DISTINCT_SITES, MEAN_WIDTH, siteStyle } from './series-style.js';

const LineChart = lazy(() => import('./line-chart.js'));

const HEIGHT = 236;

interface DicePanelProps {
  rounds: RoundView[];
  initialDice: number | null;
}

export function DicePanel({ rounds, initialDice }: DicePanelProps): ReactElement {
  const [view, setView] = useState<'curve' | 'table'>('curve');
  // Progress of a running round refetches the rounds; the curve is drawn again only when a figure in it changed.
  const key = JSON.stringify(diceSeries(rounds, initialDice));
  const series = useMemo(() => JSON.parse(key) as DiceSeries, [key]);
  const empty = series.mean.every((dice) => dice === null);
  return (
    <Panel
      title="Dice by round"
      actions={
        !empty && (
          <SegmentedControl
            size="xs"
            aria-label="Show Dice as"
            value={view}
            onChange={setView}
            data={[
              { value: 'curve', label: 'Curve' },
              { value: 'table', label: 'Table' },
            ]}
          />
        )
      }
      flush={view === 'table' || empty}
    >
      {empty ? (
        <Blank title="No model has been evaluated yet">
          <p className="dim">
            Sites with validation volumes measure every committed model; the first figure follows the first round.
          </p>
        </Blank>
      ) : view === 'curve' ? (
        <Curve series={series} />
      ) : (
        <DiceTable series={series} />
      )}
    </Panel>
  );
}

function Curve({ series }: { series: DiceSeries }): ReactElement {
  const [point, setPoint] = useState<number | null>(null);
  const summary = diceSummary(series);
  const index = Math.min(point ?? series.rounds.length - 1, series.rounds.length - 1);
  return (
    <>
      <Suspense fallback={<Skeleton height={HEIGHT} />}>
        <LineChart series={series} height={HEIGHT} summary={summary} onPoint={setPoint} />
      </Suspense>
      <Legend series={series} index={index} />
      <p className="dim chart-summary">{summary}</p>
    </>
  );
}

/** Names the lines and tells their values in the round under the pointer, or in the last one. */
function Legend({ series, index }: { series: DiceSeries; index: number }): ReactElement {
  const round = series.rounds[index];
  const distinct = series.sites.length <= DISTINCT_SITES;
  return (
    <ul className="legend" aria-hidden="true">
      <li className="dim">{round === 0 ? 'initial' : `round ${round}`}</li>
      <li>
        <Swatch colour="--accent" width={MEAN_WIDTH} dash={[]} />
        mean <strong>{formatDice(series.mean[index] ?? null)}</strong>
      </li>
      {distinct &&
        series.sites.map(({ site, dice }, position) => (
          <li key={site}>
            <Swatch {...siteStyle(position, series.sites.length)} width={1.5} />
            {site} <strong>{formatDice(dice[index] ?? null)}</strong>
          </li>
        ))}
      {!distinct && (
        <li>
          <Swatch colour="--line-strong" width={1.5} dash={[]} />
          each of {series.sites.length} sites
        </li>
      )}
    </ul>
  );
}

function Swatch({ colour, width, dash }: { colour: string; width: number; dash: number[] }): ReactElement {
  return (
    <svg width="22" height="8" aria-hidden="true">
      <line
        x1="0"
        y1="4"
        x2="22"
        y2="4"
        stroke={`var(${colour})`}
        strokeWidth={width}
        strokeDasharray={dash.join(' ')}
      />
    </svg>
  );
}

function DiceTable({ series }: { series: DiceSeries }): ReactElement {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Dice by round, table">
      <table className="plain">
        <thead>
          <tr>
            <th scope="col">Round</th>
            <th scope="col" className="figure">
              Mean
            </th>
            {series.sites.map(({ site }) => (
              <th key={site} scope="col" className="figure">
                {site}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {series.rounds.map((round, index) => (
            <tr key={round}>
              <th scope="row">{round === 0 ? 'initial' : round}</th>
              <td className="figure">
                <strong>{formatDice(series.mean[index] ?? null)}</strong>
              </td>
              {series.sites.map(({ site, dice }) => (
                <td key={site} className="figure">
                  {formatDice(dice[index] ?? null)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
