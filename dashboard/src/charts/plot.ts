import type { Curve } from './curve.js';
import { DISTINCT_SITES, MEAN_WIDTH, siteStyle } from './series-style.js';

export interface Line {
  name: string;
  values: (number | null)[];
  /** Name of a CSS variable. */
  colour: string;
  /** CSS pixels */
  width: number;
  /** Lengths of strokes and gaps in CSS pixels; empty: solid. */
  dash: number[];
}

/** What a line chart and the table beside it show: the same figures twice. */
export interface Plot {
  /** What is counted along the axis: "Round". */
  along: string;
  x: number[];
  /** As long as `x`, null where there is no figure. */
  lines: Line[];
  /** Shaded behind the lines. */
  band: { name: string; low: (number | null)[]; high: (number | null)[] } | null;
  /** Limits of the vertical axis; of the values where it is null. */
  range: [number, number] | null;
  format: (value: number | null) => string;
}

export function meanLine(values: (number | null)[], name = 'mean'): Line {
  return { name, values, colour: '--accent', width: MEAN_WIDTH, dash: [] };
}

/** A curve's mean over its sites: each by a line of its own where they can be told apart, else as the range between them. */
export function plotOf(curve: Curve, { range, format }: Pick<Plot, 'range' | 'format'>): Plot {
  const distinct = curve.sites.length > 0 && curve.sites.length <= DISTINCT_SITES;
  const sites = curve.sites.map(({ site, values }, index) => siteLine(site, values, index));
  return {
    along: 'Round',
    x: curve.rounds,
    lines: [...(distinct ? sites : []), meanLine(curve.mean)],
    band: distinct ? null : { name: 'sites', low: curve.low, high: curve.high },
    range,
    format,
  };
}

export function siteLine(name: string, values: (number | null)[], index: number): Line {
  return { name, values, width: 1.25, ...siteStyle(index) };
}

/** Every value of a plot, for the limits of its axis. */
export function valuesOf({ lines, band }: Pick<Plot, 'lines' | 'band'>): (number | null)[] {
  return [...lines.flatMap(({ values }) => values), ...(band === null ? [] : [...band.low, ...band.high])];
}
