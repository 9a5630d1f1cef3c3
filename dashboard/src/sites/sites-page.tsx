import { spokenFingerprint, type SiteView } from '@consilium/shared';
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { sitesQuery } from '../api/queries.js';
import { formatCount, NONE } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { siteAppearance } from '../rounds/appearance.js';
import { useMay } from '../session/session.js';
import { EnrolPanel } from './enrol-panel.js';
import { SiteActions } from './site-actions.js';
import { type SiteFilter, siteMatches } from './site-filter.js';

const COLUMNS: readonly Column[] = [
  { title: 'Site' },
  { title: 'State' },
  { title: 'Last seen' },
  { title: 'Labelled', figure: true },
  { title: 'Unlabelled', figure: true },
  { title: 'Validation', figure: true },
  { title: 'Node' },
  { title: 'Key' },
  { title: 'Actions', untitled: true },
];

const route = getRouteApi('/frame/sites');

export function SitesPage(): ReactElement {
  const sites = useQuery(sitesQuery);
  const mayEnrol = useMay('operator');
  const { show } = route.useSearch();
  const navigate = useNavigate();
  return (
    <div className="page">
      <div className="page-head">
        <h1>Sites</h1>
      </div>
      {mayEnrol && <EnrolPanel />}
      <Panel
        title="Enrolled sites"
        flush
        actions={
          <SegmentedControl
            size="xs"
            aria-label="Show sites"
            value={show ?? 'all'}
            onChange={(value: SiteFilter | 'all') =>
              void navigate({ to: '/sites', search: value === 'all' ? {} : { show: value } })
            }
            data={[
              { value: 'all', label: 'All' },
              { value: 'connected', label: 'Connected' },
              { value: 'away', label: 'Not connected' },
              { value: 'pending', label: 'To approve' },
              { value: 'revoked', label: 'Revoked' },
            ]}
          />
        }
      >
        <Answered query={sites} queryKey={sitesQuery.queryKey} what="The sites">
          {(all) => <SitesTable all={all} show={show} />}
        </Answered>
      </Panel>
    </div>
  );
}

function SitesTable({ all, show }: { all: SiteView[]; show: SiteFilter | undefined }): ReactElement {
  const sites = all.filter((site) => siteMatches(site, show));
  if (all.length === 0) {
    return (
      <Blank title="No site is enrolled yet">
        <p className="dim">
          Create a code above and hand it to the site; it appears here once its node has used the code.
        </p>
      </Blank>
    );
  }
  if (sites.length === 0) return <Blank title="No site matches this filter" />;
  return (
    <DataTable what="Sites" columns={COLUMNS}>
      {sites.map((site) => (
        <Row key={site.id} site={site} />
      ))}
    </DataTable>
  );
}

function Row({ site }: { site: SiteView }): ReactElement {
  return (
    <tr>
      <th scope="row">
        <Link to="/sites/$siteId" params={{ siteId: site.id }}>
          {site.name}
        </Link>
        <small>{site.role}</small>
      </th>
      <td>
        <State is={siteAppearance(site)} />
      </td>
      <td>{site.lastSeen === null ? 'never' : <Moment at={site.lastSeen} />}</td>
      <td className="figure">{formatCount(site.data?.labelled ?? null)}</td>
      <td className="figure">{formatCount(site.data?.unlabelled ?? null)}</td>
      <td className="figure">{formatCount(site.data?.validation ?? null)}</td>
      <td className="clipped" title={site.engine ?? undefined}>
        {site.software ?? NONE}
        <small className="clipped">{site.engine}</small>
      </td>
      <td>
        <code title={`${spokenFingerprint(site.keyFingerprint)}, thumbprint ${site.keyFingerprint}`}>
          {spokenFingerprint(site.keyFingerprint).slice(0, 9)}
        </code>
      </td>
      <td className="figure">
        <SiteActions site={site} />
      </td>
    </tr>
  );
}
