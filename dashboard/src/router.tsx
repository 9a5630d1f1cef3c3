import { createRootRoute, createRoute, createRouter, Link, Outlet, redirect } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { curvesQuery } from './api/insight-queries.js';
import { queryClient, studyQuery, studyRoundsQuery } from './api/queries.js';
import { type AuditSearch, auditSearch } from './audit/audit-search.js';
import { AppFrame } from './frame/app-frame.js';
import { lazyPage } from './frame/lazy-page.js';
import { OverviewPage } from './overview/overview-page.js';
import { LogInPage } from './session/log-in-page.js';
import { currentSession } from './session/session.js';
import { SITE_FILTERS, type SiteFilter } from './sites/site-filter.js';

const root = createRootRoute({ component: Outlet, notFoundComponent: NoSuchPage });

const logIn = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (search: Record<string, unknown>): { back?: string } => {
    // Only a path of this page: a link must not be able to send the operator elsewhere after logging in.
    const back = search['back'];
    return typeof back === 'string' && /^\/(?![/\\])/.test(back) && !back.startsWith('/login') ? { back } : {};
  },
  beforeLoad: ({ search }) => {
    if (currentSession() !== null) redirect({ href: search.back ?? '/', throw: true });
  },
  component: LogInPage,
});

const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  beforeLoad: ({ location }) => {
    if (currentSession() !== null) return;
    redirect({ to: '/login', search: location.href === '/' ? {} : { back: location.href }, throw: true });
  },
  component: AppFrame,
});

const overview = createRoute({
  getParentRoute: () => frame,
  path: '/',
  validateSearch: (search: Record<string, unknown>): { study?: string; rounds?: 'all' } => ({
    ...text('study', search['study']),
    ...(search['rounds'] === 'all' ? { rounds: 'all' } : {}),
  }),
  component: OverviewPage,
});

const studies = createRoute({
  getParentRoute: () => frame,
  path: '/studies',
  validateSearch: (search: Record<string, unknown>): { new?: true; pick?: string } => ({
    ...(search['new'] === true ? { new: true } : {}),
    ...text('pick', search['pick']),
  }),
  component: lazyPage(() => import('./studies/studies-page.js'), 'StudiesPage'),
});

const study = createRoute({
  getParentRoute: () => frame,
  path: '/studies/$studyId',
  validateSearch: (search: Record<string, unknown>): { rounds?: 'all'; timeline?: string } => ({
    ...(search['rounds'] === 'all' ? { rounds: 'all' } : {}),
    ...text('timeline', search['timeline']),
  }),
  // Asked for while the page's code comes.
  loader: ({ params: { studyId } }) => {
    const queries = [queryClient.query(studyQuery(studyId)), queryClient.query(studyRoundsQuery(studyId))];
    // Its panels say what fails.
    void Promise.allSettled([...queries, queryClient.query(curvesQuery(studyId))]);
  },
  component: lazyPage(() => import('./studies/study-page.js'), 'StudyPage'),
});

const compare = createRoute({
  getParentRoute: () => frame,
  path: '/compare',
  validateSearch: (search: Record<string, unknown>): { studies?: string } => text('studies', search['studies']),
  component: lazyPage(() => import('./studies/compare-page.js'), 'ComparePage'),
});

const round = createRoute({
  getParentRoute: () => frame,
  path: '/rounds/$roundId',
  component: lazyPage(() => import('./rounds/round-page.js'), 'RoundPage'),
});

const sites = createRoute({
  getParentRoute: () => frame,
  path: '/sites',
  validateSearch: (search: Record<string, unknown>): { show?: SiteFilter } => {
    const show = SITE_FILTERS.find((filter) => filter === search['show']);
    return show === undefined ? {} : { show };
  },
  component: lazyPage(() => import('./sites/sites-page.js'), 'SitesPage'),
});

const site = createRoute({
  getParentRoute: () => frame,
  path: '/sites/$siteId',
  component: lazyPage(() => import('./sites/site-page.js'), 'SitePage'),
});

const models = createRoute({
  getParentRoute: () => frame,
  path: '/models',
  validateSearch: (search: Record<string, unknown>): { study?: string } => text('study', search['study']),
  component: lazyPage(() => import('./models/models-page.js'), 'ModelsPage'),
});

const model = createRoute({
  getParentRoute: () => frame,
  path: '/models/$studyId/$version',
  component: lazyPage(() => import('./models/model-page.js'), 'ModelPage'),
});

const audit = createRoute({
  getParentRoute: () => frame,
  path: '/audit',
  validateSearch: (search: Record<string, unknown>): AuditSearch => auditSearch(search),
  component: lazyPage(() => import('./audit/audit-page.js'), 'AuditPage'),
});

const settings = createRoute({
  getParentRoute: () => frame,
  path: '/settings',
  component: lazyPage(() => import('./settings/settings-page.js'), 'SettingsPage'),
});

const PAGES = [overview, studies, study, compare, round, sites, site, models, model, audit, settings];

export const router = createRouter({
  routeTree: root.addChildren([logIn, frame.addChildren(PAGES)]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function text<K extends string>(key: K, value: unknown): Partial<Record<K, string>> {
  return typeof value === 'string' && value !== '' ? ({ [key]: value } as Partial<Record<K, string>>) : {};
}

function NoSuchPage(): ReactElement {
  return (
    <main className="page">
      <h1>There is no such page</h1>
      <p>
        The address may be mistyped. <Link to="/">Go to the overview</Link>
      </p>
    </main>
  );
}
