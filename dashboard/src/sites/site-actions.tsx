import type { SiteView } from '@consilium/shared';
import type { ReactElement } from 'react';
import { useMay } from '../session/session.js';
import { ApproveButton } from './approve-button.js';
import { RevokeButton } from './revoke-button.js';

/** What may be done about a site in its state, by who looks at it. */
export function SiteActions({ site }: { site: SiteView }): ReactElement | null {
  const mayAct = useMay('operator');
  if (!mayAct || site.state === 'revoked') return null;
  return (
    <span className="actions">
      {site.state === 'pending' && <ApproveButton site={site} />}
      <RevokeButton site={site} />
    </span>
  );
}
