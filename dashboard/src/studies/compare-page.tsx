import type { StudyCurves, StudyView } from '@consilium/shared';
import { useQueries, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { curvesQuery } from '../api/insight-queries.js';
import { studiesQuery } from '../api/queries.js';
import { ChartPanel } from '../charts/chart-panel.js';
import { curveOf, diceRange, type Figure } from '../charts/curve.js';
import { type Plot, siteLine, valuesOf } from '../charts/plot.js';
import { formatDice, formatLoss, plural } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { WayBack } from '../frame/way-back.js';
import { STUDY_STATES } from '../rounds/appearance.js';
import { COMPARED, parseIds } from './comparison.js';
import { differences } from './differences.js';

const route = getRouteApi('/frame/compare');

export function ComparePage(): ReactElement {
  const ids = parseIds(route.useSearch().studies);
  const studies = useQuery(studiesQuery);
  return (
    <div className="page">
      <WayBack steps={[{ to: '/studies', text: 'Studies' }]} />
      <div className="page-head">
        <h1>Comparison</h1>
      </div>
      <Answered query={studies} queryKey={studiesQuery.queryKey} what="The studies" lines={6} framed>
        {(all) => {
          const chosen = ids.flatMap((id) => all.find((study) => study.id === id) ?? []);
          return chosen.length < 2 ? <NothingChosen /> : <Comparison studies={chosen} />;
        }}
      </Answered>
    </div>
  );
}

function NothingChosen(): ReactElement {
  return (
    <Panel title="Nothing to compare" flush>
      <Blank title={`Choose two to ${COMPARED.most} studies`}>
        <p className="dim">
          Tick them in the <Link to="/studies">table of studies</Link>, then compare.
        </p>
      </Blank>
    </Panel>
  );
}

function Comparison({ studies }: { studies: StudyView[] }): ReactElement {
  const curves = useQueries({ queries: studies.map(({ id }) => curvesQuery(id)) });
  const failed = curves.find((query) => query.data === undefined);
  const names = distinctNames(studies);
  const known = curves.flatMap(({ data }) => data ?? []);
  return (
    <>
      <SettingsDiff studies={studies} names={names} />
      {failed === undefined ? (
        <div className="columns even">
          <Overlay title="Dice" figure="dice" curves={known} names={names} format={formatDice} />
          <Overlay title="Loss" figure="loss" curves={known} names={names} format={formatLoss} />
        </div>
      ) : (
        <Answered
          query={failed}
          queryKey={curvesQuery(studies[curves.indexOf(failed)]?.id ?? '').queryKey}
          what="The figures"
          framed
        >
          {() => null}
        </Answered>
      )}
    </>
  );
}

interface OverlayProps {
  title: string;
  figure: Figure;
  curves: StudyCurves[];
  names: string[];
  format: Plot['format'];
}

function Overlay({ title, figure, curves, names, format }: OverlayProps): ReactElement {
  const each = curves.map((one) => curveOf(one, figure));
  const x = [...new Set(each.flatMap(({ rounds }) => rounds))].sort((a, b) => a - b);
  const lines = each.map(({ rounds, mean }, index) => ({
    ...siteLine(
      names[index] ?? '',
      x.map((round) => mean[rounds.indexOf(round)] ?? null),
      index,
    ),
    width: 2,
  }));
  const values = valuesOf({ lines, band: null });
  const plot: Plot = {
    along: 'Round',
    x,
    lines,
    band: null,
    range: figure === 'dice' ? diceRange(values) : null,
    format,
  };
  const ends = lines.map(
    ({ name, values: own }) => `${name} ${format(own.findLast((value) => value !== null) ?? null)}`,
  );
  return (
    <ChartPanel
      title={`${title} by round`}
      plot={plot}
      summary={`Newest mean ${title}: ${ends.join(', ')}.`}
      empty={
        values.every((value) => value === null) ? (
          <Blank title="Nothing has been measured yet">
            <p className="dim">Curves begin with the first committed round.</p>
          </Blank>
        ) : null
      }
    />
  );
}

function SettingsDiff({ studies, names }: { studies: StudyView[]; names: string[] }): ReactElement {
  const { differing, equal } = differences(studies.map(({ manifest }) => manifest));
  const columns: Column[] = [{ title: 'Setting' }, ...names.map((title) => ({ title }))];
  return (
    <Panel title="Settings that differ" actions={<span className="dim">{plural(equal, 'setting')} alike</span>} flush>
      <DataTable what="Settings that differ" columns={columns}>
        <tr>
          <th scope="row">state</th>
          {studies.map((study) => (
            <td key={study.id}>
              <State is={STUDY_STATES[study.state]} />
            </td>
          ))}
        </tr>
        {differing.map(({ path, values }) => (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
            </th>
            {studies.map(({ id }, index) => (
              <td key={id} className="wrapping">
                {path === 'name' ? (
                  <Link to="/studies/$studyId" params={{ studyId: id }}>
                    {values[index]}
                  </Link>
                ) : (
                  values[index]
                )}
              </td>
            ))}
          </tr>
        ))}
      </DataTable>
    </Panel>
  );
}

/** Two studies may have one name: the digest then tells them apart. */
function distinctNames(studies: StudyView[]): string[] {
  return studies.map(({ digest, manifest: { name } }) =>
    studies.filter((other) => other.manifest.name === name).length > 1 ? `${name} (${digest.slice(0, 6)})` : name,
  );
}
