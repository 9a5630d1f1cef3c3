import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { AppFrame } from './frame/app-frame.js';
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
  validateSearch: (search: Record<string, unknown>): { new?: true } => (search['new'] === true ? { new: true } : {}),
  component: lazyRouteComponent(() => import('./studies/studies-page.js'), 'StudiesPage'),
});

const study = createRoute({
  getParentRoute: () => frame,
  path: '/studies/$studyId',
  validateSearch: (search: Record<string, unknown>): { rounds?: 'all' } =>
    search['rounds'] === 'all' ? { rounds: 'all' } : {},
  component: lazyRouteComponent(() => import('./studies/study-page.js'), 'StudyPage'),
});

const round = createRoute({
  getParentRoute: () => frame,
  path: '/rounds/$roundId',
  component: lazyRouteComponent(() => import('./rounds/round-page.js'), 'RoundPage'),
});

const sites = createRoute({
  getParentRoute: () => frame,
  path: '/sites',
  validateSearch: (search: Record<string, unknown>): { show?: SiteFilter } => {
    const show = SITE_FILTERS.find((filter) => filter === search['show']);
    return show === undefined ? {} : { show };
  },
  component: lazyRouteComponent(() => import('./sites/sites-page.js'), 'SitesPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([logIn, frame.addChildren([overview, studies, study, round, sites])]),
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
