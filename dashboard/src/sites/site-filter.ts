import type { SiteView } from '@consilium/shared';

export const SITE_FILTERS = ['connected', 'away', 'pending', 'revoked'] as const;
export type SiteFilter = (typeof SITE_FILTERS)[number];

export function siteMatches(site: Pick<SiteView, 'state' | 'connected'>, filter: SiteFilter | undefined): boolean {
  switch (filter) {
    case undefined:
      return true;
    case 'revoked':
    case 'pending':
      return site.state === filter;
    case 'connected':
      return site.state === 'enrolled' && site.connected;
    case 'away':
      return site.state === 'enrolled' && !site.connected;
  }
}
