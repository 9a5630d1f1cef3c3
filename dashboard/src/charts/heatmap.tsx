import type { ReactElement } from 'react';

interface HeatmapProps {
  /** What the figures are: names the region that scrolls. */
  what: string;
  corner: string;
  rows: { name: string; values: (number | null)[] }[];
  columns: string[];
  /** Values that take no colour and the full one. */
  range: [number, number];
  format: (value: number | null) => string;
}

/** A table whose cells are tinted by their figures: picture and table at once. */
export function Heatmap({ what, corner, rows, columns, range, format }: HeatmapProps): ReactElement {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={`${what}, table`}>
      <table className="heat">
        <thead>
          <tr>
            <th scope="col">{corner}</th>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, values }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, index) => (
                <td key={columns[index]} style={{ background: tint(value, range) }}>
                  {format(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** At most half of the accent, so that the figure on it keeps its contrast in both appearances. */
function tint(value: number | null, [least, most]: [number, number]): string | undefined {
  if (value === null || most <= least) return undefined;
  const share = Math.min(1, Math.max(0, (value - least) / (most - least)));
  return `color-mix(in srgb, var(--accent) ${(4 + 34 * share).toFixed(0)}%, var(--surface))`;
}
