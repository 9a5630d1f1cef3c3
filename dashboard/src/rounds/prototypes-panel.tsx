import type { PrototypeReport } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { prototypesQuery } from '../api/insight-queries.js';
import { FramedChart } from '../charts/chart-panel.js';
import { Heatmap } from '../charts/heatmap.js';
import { ScatterChart } from '../charts/scatter-chart.js';
import { formatCount, formatShare, NONE } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Answered, Panel } from '../frame/panel.js';

/** The prototypes of the model that a round has committed. */
export function PrototypesPanel({ roundId }: { roundId: string }): ReactElement {
  const options = prototypesQuery(roundId);
  const report = useQuery(options);
  return (
    <Answered query={report} queryKey={options.queryKey} what="The prototypes" lines={6} framed>
      {(data) => (
        <>
          <div className="columns even">
            <ClassesPanel report={data} />
            <ProjectionPanel report={data} />
          </div>
        </>
      )}
    </Answered>
  );
}

const COLUMNS: readonly Column[] = [
  { title: 'Class' },
  { title: 'Prototypes in use', figure: true },
  { title: 'Support, voxels', figure: true },
  { title: 'Mean shift', figure: true },
  { title: 'Largest shift', figure: true },
];

/** Support and shift of each class, and how far classes are apart. */
function ClassesPanel({ report }: { report: PrototypeReport }): ReactElement {
  const { classes, support, distances } = report;
  const furthest = Math.max(...distances.flat());
  return (
    <Panel title="Prototypes by class" flush>
      <DataTable what="Prototypes by class" columns={COLUMNS}>
        {classes.map((name, c) => {
          const shifts = (report.shift?.[c] ?? []).filter((shift) => shift !== null);
          const own = support[c] ?? [];
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="figure">
                {own.filter((voxels) => voxels > 0).length} of {own.length}
              </td>
              <td className="figure">{formatCount(own.reduce((sum, voxels) => sum + voxels, 0))}</td>
              <td className="figure">
                {shifts.length === 0 ? NONE : formatShare(shifts.reduce((sum, each) => sum + each, 0) / shifts.length)}
              </td>
              <td className="figure">{shifts.length === 0 ? NONE : formatShare(Math.max(...shifts))}</td>
            </tr>
          );
        })}
      </DataTable>
      <div className="panel-part">
        <h3>Distances between classes</h3>
        <Heatmap
          what="Distances between classes"
          corner="Euclidean"
          rows={classes.map((name, c) => ({ name, values: distances[c] ?? [] }))}
          columns={classes}
          range={[0, furthest]}
          format={(value) => value?.toPrecision(3) ?? NONE}
        />
        <p className="dim chart-note">
          Between the classes&apos; mean prototypes, each counted by its support. A shift is relative to the length that
          a prototype had in the model before.
        </p>
      </div>
    </Panel>
  );
}

const POINT_COLUMNS: readonly Column[] = [
  { title: 'Prototype' },
  { title: 'Support, voxels', figure: true },
  { title: 'Shift', figure: true },
  { title: 'First component', figure: true },
  { title: 'Second component', figure: true },
];

function ProjectionPanel({ report }: { report: PrototypeReport }): ReactElement {
  const { classes, points, explained, support, shift } = report;
  const [first, second] = explained;
  const count = points.flat().length;
  const summary =
    first === 0
      ? `All ${count} prototypes of ${classes.length} classes are at one point: none has been trained yet.`
      : `${count} prototypes of ${classes.length} classes on their two main directions, which hold ${formatShare(first + second)} of their variance.`;
  const named = points.flatMap((own, c) => own.map((point, r) => ({ name: `${classes[c]} ${r + 1}`, c, r, point })));
  return (
    <FramedChart
      title="Prototypes on a plane"
      summary={summary}
      empty={null}
      picture={
        <ScatterChart
          groups={classes.map((name, c) => ({
            name,
            points: (points[c] ?? []).map(([x, y], r) => ({
              x,
              y,
              title: `${name} ${r + 1}: ${formatCount(support[c]?.[r] ?? null)} voxels`,
            })),
          }))}
          xTitle={`first component, ${formatShare(first)}`}
          yTitle={`second component, ${formatShare(second)}`}
          summary={summary}
        />
      }
      table={
        <DataTable what="Prototypes on a plane" columns={POINT_COLUMNS}>
          {named.map(({ name, c, r, point: [x, y] }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="figure">{formatCount(support[c]?.[r] ?? null)}</td>
              <td className="figure">{formatShare(shift?.[c]?.[r] ?? null)}</td>
              <td className="figure">{x.toPrecision(3)}</td>
              <td className="figure">{y.toPrecision(3)}</td>
            </tr>
          ))}
        </DataTable>
      }
    />
  );
}
