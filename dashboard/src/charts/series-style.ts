/** CSS pixels */
export const MEAN_WIDTH = 3;

/** Eight lines are told apart by colour and dash; of more, single lines say little. */
export const DISTINCT_SITES = 8;

const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4], [4, 2], [2, 2, 6, 2], [10, 2, 2, 2]];

export interface SiteStyle {
  /** Name of a CSS variable. */
  colour: string;
  /** Lengths of strokes and gaps in CSS pixels; empty: solid. */
  dash: number[];
}

export function siteStyle(index: number): SiteStyle {
  return { colour: `--site-${(index % DISTINCT_SITES) + 1}`, dash: DASHES[index % DASHES.length] ?? [] };
}
