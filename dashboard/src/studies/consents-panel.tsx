import type { SiteView, StudyConsent, StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { consentsQuery, sitesQuery } from '../api/queries.js';
import { NONE } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { type Appearance, State } from '../frame/state.js';

const COLUMNS: readonly Column[] = [{ title: 'Site' }, { title: 'Consent' }, { title: 'Said', figure: true }];

const GIVEN: Appearance = { icon: 'check', word: 'given', tone: 'good' };
const WITHDRAWN: Appearance = { icon: 'cross', word: 'withdrawn', tone: 'bad' };
const ASKED: Appearance = { icon: 'clock', word: 'asked', tone: 'quiet' };

/** Who takes part in the study by their own signed word: rounds open with them and without the others. */
export function ConsentsPanel({ study }: { study: StudyView }): ReactElement {
  const options = consentsQuery(study.id);
  const consents = useQuery(options);
  const sites = useQuery(sitesQuery);
  return (
    <Panel title="Consents" flush>
      <Answered query={consents} queryKey={options.queryKey} what="The consents">
        {(given) => <Consents given={given} sites={sites.data ?? []} />}
      </Answered>
    </Panel>
  );
}

function Consents({ given, sites }: { given: StudyConsent[]; sites: SiteView[] }): ReactElement {
  const silent = sites.filter(({ id, state }) => state === 'enrolled' && !given.some(({ siteId }) => siteId === id));
  if (given.length + silent.length === 0) {
    return (
      <Blank title="No site to ask">
        <p>
          <Link to="/sites">Enrol sites</Link>: each is shown the settings of this study and says yes or no to them.
        </p>
      </Blank>
    );
  }
  return (
    <DataTable what="Consents" columns={COLUMNS}>
      {given.map(({ siteId, site, decision, at }) => (
        <Row key={siteId} id={siteId} name={site} is={decision === 'given' ? GIVEN : WITHDRAWN} at={at} />
      ))}
      {silent.map(({ id, name }) => (
        <Row key={id} id={id} name={name} is={ASKED} at={null} />
      ))}
    </DataTable>
  );
}

function Row({ id, name, is, at }: { id: string; name: string; is: Appearance; at: string | null }): ReactElement {
  return (
    <tr>
      <th scope="row">
        <Link to="/sites/$siteId" params={{ siteId: id }}>
          {name}
        </Link>
      </th>
      <td>
        <State is={is} />
      </td>
      <td className="figure">{at === null ? NONE : <Moment at={at} />}</td>
    </tr>
  );
}
