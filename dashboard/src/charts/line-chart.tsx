import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { type ReactElement, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { MEAN_WIDTH } from './series-style.js';
import type { Line, Plot } from './plot.js';

interface LineChartProps {
  plot: Plot;
  height: number;
  /** Says what the picture shows; the canvas itself is silent. */
  summary: string;
  /** Index into `plot.x` under the pointer, null when it leaves. */
  onPoint: (index: number | null) => void;
}

export function LineChart({ plot, height, summary, onPoint }: LineChartProps): ReactElement {
  const { ref, width } = useElementSize();
  const target = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = target.current;
    if (element === null || width === 0) return;
    const drawn = new uPlot(options(plot, { width, height }, paint(element), onPoint), dataOf(plot), element);
    return () => {
      drawn.destroy();
    };
    // The scheme changes the colours that are read from the page.
  }, [plot, width, height, scheme, onPoint]);
  return (
    <div ref={ref} role="img" aria-label={summary} style={{ height, minWidth: 0, overflow: 'hidden' }}>
      <div ref={target} />
    </div>
  );
}

function dataOf({ x, lines, band }: Plot): uPlot.AlignedData {
  return [x, ...(band === null ? [] : [band.low, band.high]), ...lines.map(({ values }) => values)];
}

interface Paint {
  of: (variable: string) => string;
  font: string;
}

/** A canvas cannot use the page's variables by itself. */
function paint(element: HTMLElement): Paint {
  const style = getComputedStyle(element);
  return { of: (variable) => style.getPropertyValue(variable).trim(), font: `11px ${style.fontFamily}` };
}

function options(
  plot: Plot,
  size: { width: number; height: number },
  { of, font }: Paint,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const { lines, band, range, format, x } = plot;
  const axis = { stroke: of('--ink-dim'), font, ticks: { show: false }, grid: { stroke: of('--line'), width: 1 } };
  const hidden = { stroke: 'transparent', width: 0, points: { show: false } };
  return {
    ...size,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: (_plot, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
      y: range === null ? {} : { range },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, gap: 6, incrs: WHOLE_STEPS, space: 34 },
      { ...axis, size: 46, gap: 6, values: (_plot, splits) => splits.map(tickOf(format)), space: 34 },
    ],
    padding: [10, 12, 0, 0],
    bands: band === null ? [] : [{ series: [2, 1], fill: of('--accent-soft') }],
    series: [{}, ...(band === null ? [] : [hidden, hidden]), ...lines.map((line) => seriesOf(line, of, x.length))],
    hooks: {
      setCursor: [
        (drawn) => {
          onPoint(drawn.cursor.idx ?? null);
        },
      ],
    },
  };
}

const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** The axis carries figures as the table does, without their unit and the zeros that all of them end in. */
function tickOf(format: Plot['format']): (value: number) => string {
  return (value) =>
    format(value)
      .replace(/ .*$/, '')
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '');
}

function seriesOf({ name, colour, width, dash }: Line, of: Paint['of'], points: number): uPlot.Series {
  const stroke = of(colour);
  const heavy = width >= MEAN_WIDTH;
  return {
    label: name,
    stroke,
    width,
    dash,
    spanGaps: true,
    points: { show: points <= 24, size: heavy ? 7 : 4, ...(heavy && { fill: stroke }) },
  };
}
