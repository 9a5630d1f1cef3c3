import { SegmentedControl } from '@mantine/core';
import { type ReactElement, type ReactNode, useMemo, useState } from 'react';
import { type Column, DataTable } from '../frame/data-table.js';
import { Panel } from '../frame/panel.js';
import { LineChart } from './line-chart.js';
import type { Line, Plot } from './plot.js';

const HEIGHT = 236;

interface FramedChartProps {
  title: string;
  /** One sentence that says what the picture shows. */
  summary: string;
  picture: ReactNode;
  table: ReactNode;
  /** Shown in place of both where there is nothing to show. */
  empty: ReactNode;
  /** Right of the title, before the choice of chart or table. */
  actions?: ReactNode;
  /** A picture that touches the panel's border. */
  flush?: boolean;
}

/** Every chart of the dashboard: a picture, the same figures as a table, and a sentence. */
export function FramedChart(props: FramedChartProps): ReactElement {
  const { title, summary, picture, table, empty, actions, flush = false } = props;
  const [view, setView] = useState<'picture' | 'table'>('picture');
  const blank = empty !== null;
  const choice = !blank && (
    <SegmentedControl
      size="xs"
      aria-label={`Show ${title} as`}
      value={view}
      onChange={setView}
      data={[
        { value: 'picture', label: 'Chart' },
        { value: 'table', label: 'Table' },
      ]}
    />
  );
  return (
    <Panel
      title={title}
      actions={
        <>
          {actions}
          {choice}
        </>
      }
      flush={blank || flush || view === 'table'}
    >
      {blank && empty}
      {!blank && view === 'table' && table}
      {!blank && view === 'picture' && (
        <>
          {picture}
          <p className="dim chart-summary">{summary}</p>
        </>
      )}
    </Panel>
  );
}

interface ChartPanelProps {
  title: string;
  plot: Plot;
  summary: string;
  empty: ReactNode;
}

/** A framed chart of lines. */
export function ChartPanel({ title, plot, summary, empty }: ChartPanelProps): ReactElement {
  // Progress of a running round refetches what is here; the chart is drawn again only when a figure in it changed.
  const key = JSON.stringify(plot);
  const steady = useMemo(() => plot, [key]);
  return (
    <FramedChart
      title={title}
      summary={summary}
      empty={empty}
      picture={<Lines plot={steady} summary={summary} />}
      table={<PlotTable title={title} plot={steady} />}
    />
  );
}

function Lines({ plot, summary }: { plot: Plot; summary: string }): ReactElement {
  const [point, setPoint] = useState<number | null>(null);
  const index = Math.min(point ?? plot.x.length - 1, plot.x.length - 1);
  return (
    <>
      <LineChart plot={plot} height={HEIGHT} summary={summary} onPoint={setPoint} />
      <Legend plot={plot} index={index} />
    </>
  );
}

/** Names the lines and tells their values under the pointer, or at the end. */
function Legend({ plot, index }: { plot: Plot; index: number }): ReactElement {
  const { lines, band, format } = plot;
  return (
    <ul className="legend" aria-hidden="true">
      <li className="dim">{placeOf(plot, index).toLowerCase()}</li>
      {lines.toReversed().map((line) => (
        <li key={line.name}>
          <Swatch line={line} />
          {line.name} <strong>{format(line.values[index] ?? null)}</strong>
        </li>
      ))}
      {band !== null && (
        <li>
          <span className="swatch-band" />
          {band.name}{' '}
          <strong>
            {format(band.low[index] ?? null)} to {format(band.high[index] ?? null)}
          </strong>
        </li>
      )}
    </ul>
  );
}

function placeOf({ along, x }: Plot, index: number): string {
  return along === 'Round' && x[index] === 0 ? 'Initial' : `${along} ${x[index]}`;
}

function Swatch({ line: { colour, width, dash } }: { line: Line }): ReactElement {
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

function PlotTable({ title, plot }: { title: string; plot: Plot }): ReactElement {
  const { along, x, lines, band, format } = plot;
  const columns: Column[] = [
    { title: along },
    ...lines.toReversed().map(({ name }): Column => ({ title: name, figure: true })),
    ...(band === null
      ? []
      : [`${band.name}, lowest`, `${band.name}, highest`].map((name): Column => ({ title: name, figure: true }))),
  ];
  return (
    <DataTable what={title} columns={columns}>
      {x.map((at, index) => (
        <tr key={at}>
          <th scope="row">{along === 'Round' && at === 0 ? 'initial' : at}</th>
          {lines.toReversed().map(({ name, values }) => (
            <td key={name} className="figure">
              {format(values[index] ?? null)}
            </td>
          ))}
          {band !== null && (
            <>
              <td className="figure">{format(band.low[index] ?? null)}</td>
              <td className="figure">{format(band.high[index] ?? null)}</td>
            </>
          )}
        </tr>
      ))}
    </DataTable>
  );
}
