import type { RoundView, UpdateEvidence } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { evidenceQuery } from '../api/insight-queries.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { LEVELS, looksOf, type Measure, MEASURE_NAMES, MEASURES, riskSummary } from './risk.js';

const COLUMNS: readonly Column[] = [
  { title: 'Update of' },
  ...MEASURE_NAMES.map((measure) => ({ title: MEASURES[measure].title })),
  { title: 'In all' },
];

type SitesUpdate = UpdateEvidence & { site: string };

/** What bears on how much each update may reveal of the patients behind it: for a data protection officer. */
export function RiskPanel({ round }: { round: RoundView }): ReactElement {
  const options = evidenceQuery(round.id);
  const evidence = useQuery(options);
  return (
    <Panel title="What updates may reveal" flush>
      <Answered query={evidence} queryKey={options.queryKey} what="The measures of updates" lines={4}>
        {(updates) => <Risks updates={named(updates, round)} />}
      </Answered>
    </Panel>
  );
}

function named(updates: readonly UpdateEvidence[], { contributions }: RoundView): SitesUpdate[] {
  const names = new Map(contributions.map(({ siteId, site }) => [siteId, site]));
  return updates
    .map((update) => ({ ...update, site: names.get(update.siteId) ?? update.siteId }))
    .sort((a, b) => a.site.localeCompare(b.site, 'en'));
}

function Risks({ updates }: { updates: SitesUpdate[] }): ReactElement {
  if (updates.length === 0) return <Blank title="No update has passed admission yet" />;
  return (
    <>
      <DataTable what="What updates may reveal" columns={COLUMNS}>
        {updates.map((update) => (
          <tr key={update.updateId}>
            <th scope="row">{update.site}</th>
            {MEASURE_NAMES.map((measure) => (
              <MeasureCell key={measure} measure={measure} update={update} />
            ))}
            <td>
              <State is={LEVELS[looksOf(update.risk).length > 0 ? 'look' : 'usual']} pill />
            </td>
          </tr>
        ))}
      </DataTable>
      <div className="panel-part">
        <p>{riskSummary(updates)}</p>
        <ul className="plain-list dim chart-note">
          {MEASURE_NAMES.map((measure) => (
            <li key={measure}>
              <strong>{MEASURES[measure].title}</strong>: {MEASURES[measure].meaning}
            </li>
          ))}
        </ul>
        <p className="dim chart-note">
          Weights are not anonymous. The limits are set by judgement: an update within all of them may still reveal a
          patient, and one beyond them need not. A site can attack its own update with “consilium-node risk”.
        </p>
      </div>
    </>
  );
}

function MeasureCell({ measure, update }: { measure: Measure; update: SitesUpdate }): ReactElement {
  const level = update.risk.levels[measure];
  return (
    <td>
      {MEASURES[measure].shown(update)}
      {level !== null && (
        <>
          {' '}
          <small>
            <State is={LEVELS[level]} />
          </small>
        </>
      )}
    </td>
  );
}
