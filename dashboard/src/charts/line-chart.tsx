import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { type ReactElement, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { type DiceSeries, diceRange } from './dice-series.js';
import { MEAN_WIDTH, siteStyle } from './series-style.js';

interface LineChartProps {
  series: DiceSeries;
  height: number;
  /** Says what the picture shows; the canvas itself is silent. */
  summary: string;
  /** Index into `series.rounds` under the pointer, null when it leaves. */
  onPoint: (index: number | null) => void;
}

export default function LineChart({ series, height, summary, onPoint }: LineChartProps): ReactElement {
  const { ref, width } = useElementSize();
  const target = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = target.current;
    if (element === null || width === 0) return;
    const plot = new uPlot(options(series, width, height, colours(element, series), onPoint), dataOf(series), element);
    return () => {
      plot.destroy();
    };
    // The scheme changes the colours that are read from the page.
  }, [series, width, height, scheme, onPoint]);
  return (
    <div ref={ref} role="img" aria-label={summary} style={{ height, minWidth: 0, overflow: 'hidden' }}>
      <div ref={target} />
    </div>
  );
}

function dataOf(series: DiceSeries): uPlot.AlignedData {
  return [series.rounds, ...series.sites.map((site) => site.dice), series.mean];
}

interface Colours {
  sites: string[];
  mean: string;
  text: string;
  line: string;
  font: string;
}

/** A canvas cannot use the page's variables by itself. */
function colours(element: HTMLElement, series: DiceSeries): Colours {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    sites: series.sites.map((_, index) => read(siteStyle(index, series.sites.length).colour)),
    mean: read('--accent'),
    text: read('--ink-dim'),
    line: read('--line'),
    font: style.fontFamily,
  };
}

function options(
  series: DiceSeries,
  width: number,
  height: number,
  colour: Colours,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const points = series.rounds.length <= 24;
  const font = `11px ${colour.font}`;
  const axis = { stroke: colour.text, font, ticks: { show: false }, grid: { stroke: colour.line, width: 1 } };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: (_plot, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
      y: { range: diceRange(series) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        gap: 6,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
        space: 34,
      },
      {
        ...axis,
        size: 38,
        gap: 6,
        values: (_plot, splits) => splits.map((value) => value.toFixed(1)),
        incrs: [0.1, 0.2],
        space: 24,
      },
    ],
    padding: [10, 12, 0, 0],
    series: [
      {},
      ...series.sites.map((site, index) => {
        const { dash } = siteStyle(index, series.sites.length);
        return {
          label: site.site,
          stroke: colour.sites[index] ?? colour.text,
          width: 1.25,
          dash,
          spanGaps: true,
          points: { show: points, size: 4 },
        };
      }),
      {
        label: 'mean',
        stroke: colour.mean,
        width: MEAN_WIDTH,
        spanGaps: true,
        points: { show: points, size: 7, fill: colour.mean },
      },
    ],
    hooks: {
      setCursor: [
        (plot) => {
          onPoint(plot.cursor.idx ?? null);
        },
      ],
    },
  };
}
