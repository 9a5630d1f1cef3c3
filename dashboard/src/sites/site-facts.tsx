import { spokenFingerprint, type SiteView } from '@consilium/shared';
import type { ReactElement } from 'react';
import { formatCount, NONE } from '../format/figures.js';
import { CopyButton } from '../frame/copyable.js';
import { Fact, Facts } from '../frame/facts.js';
import { Moment } from '../frame/moment.js';
import { Panel } from '../frame/panel.js';

/** What is known of a site: what its node says of itself, its data as counts only, and its key. */
export function SiteFacts({ site }: { site: SiteView }): ReactElement {
  const { data, software, engine, lastSeen } = site;
  return (
    <div className="columns thirds">
      <Panel title="Node">
        <Facts>
          <Fact name="Last seen">{lastSeen === null ? 'never' : <Moment at={lastSeen} />}</Fact>
          <Fact name="Software">{software ?? NONE}</Fact>
          <Fact name="Engine and device">{engine ?? NONE}</Fact>
        </Facts>
      </Panel>
      <Panel title="Data card">
        <Facts large>
          <Fact name="Labelled">{formatCount(data?.labelled ?? null)}</Fact>
          <Fact name="Unlabelled">{formatCount(data?.unlabelled ?? null)}</Fact>
          <Fact name="Validation">{formatCount(data?.validation ?? null)}</Fact>
        </Facts>
        <p className="dim chart-note">
          Volumes, as its node counted them last. Counts only: no name of a file leaves a site.
        </p>
      </Panel>
      <Panel title="Key">
        <Facts>
          <Fact name="Fingerprint, as people compare it">
            <span className="copyable">
              <code>{spokenFingerprint(site.keyFingerprint)}</code>
              <CopyButton text={spokenFingerprint(site.keyFingerprint)} what="the fingerprint" />
            </span>
          </Fact>
          <Fact name="Thumbprint (RFC 7638)">
            <code className="wrapping">{site.keyFingerprint}</code>
          </Fact>
        </Facts>
      </Panel>
    </div>
  );
}
