import type { ReactElement } from 'react';

export interface ScatterGroup {
  name: string;
  points: { x: number; y: number; title: string }[];
}

interface ScatterChartProps {
  groups: ScatterGroup[];
  xTitle: string;
  yTitle: string;
  summary: string;
}

/** Units of the drawing; it scales with its panel. */
const [WIDTH, HEIGHT, MARGIN] = [520, 300, 26];

/** Points on a plane, a shape and a colour for each group. Both axes have one scale: distances are what one looks at. */
export function ScatterChart({ groups, xTitle, yTitle, summary }: ScatterChartProps): ReactElement {
  const points = groups.flatMap((group) => group.points);
  const place = placing(points);
  return (
    <>
      <svg className="scatter" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={summary}>
        <rect x="0.5" y="0.5" width={WIDTH - 1} height={HEIGHT - 1} rx="6" fill="none" stroke="var(--line)" />
        <text x={WIDTH - 8} y={HEIGHT - 8} textAnchor="end">
          {xTitle}
        </text>
        <text x="8" y="16">
          {yTitle}
        </text>
        {groups.map((group, index) =>
          group.points.map(({ x, y, title }) => (
            <g key={title} transform={place(x, y)}>
              <title>{title}</title>
              <Mark index={index} />
            </g>
          )),
        )}
      </svg>
      <ul className="legend" aria-hidden="true">
        {groups.map(({ name }, index) => (
          <li key={name}>
            <svg width="14" height="14" viewBox="-7 -7 14 14">
              <Mark index={index} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
    </>
  );
}

function placing(points: readonly { x: number; y: number }[]): (x: number, y: number) => string {
  const middle = (values: number[]): [number, number] => [
    (Math.max(...values) + Math.min(...values)) / 2,
    Math.max(...values) - Math.min(...values),
  ];
  const [x0, spanX] = middle(points.map(({ x }) => x));
  const [y0, spanY] = middle(points.map(({ y }) => y));
  const room = Math.min((WIDTH - 2 * MARGIN) / (spanX || 1), (HEIGHT - 2 * MARGIN) / (spanY || 1));
  const scale = spanX === 0 && spanY === 0 ? 0 : room;
  return (x, y) =>
    `translate(${(WIDTH / 2 + scale * (x - x0)).toFixed(1)} ${(HEIGHT / 2 - scale * (y - y0)).toFixed(1)})`;
}

const SHAPES = ['M-4 -4h8v8h-8Z', 'M0 -5 5 0 0 5 -5 0Z', 'M0 -5 5 4 -5 4Z', 'M0 5 5 -4 -5 -4Z'];

function Mark({ index }: { index: number }): ReactElement {
  const paint = { fill: `var(--site-${(index % 8) + 1})`, fillOpacity: 0.75, stroke: 'var(--surface)' };
  const shape = index === 0 ? undefined : SHAPES[(index - 1) % SHAPES.length];
  return shape === undefined ? <circle r="4.5" {...paint} /> : <path d={shape} {...paint} />;
}
