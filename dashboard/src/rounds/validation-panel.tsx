import type { RoundView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { curvesQuery } from '../api/insight-queries.js';
import { Heatmap } from '../charts/heatmap.js';
import { formatDice } from '../format/figures.js';
import { Answered, Blank, Panel } from '../frame/panel.js';

/** Models that are compared: this round's, and as many before it. */
const MODELS = 6;

/** Every site measures every model on volumes of its own: who gains from a round, and who loses by it. */
export function ValidationPanel({ round }: { round: RoundView }): ReactElement {
  const options = curvesQuery(round.studyId);
  const curves = useQuery(options);
  return (
    <Panel title="Validation across sites" flush>
      <Answered query={curves} queryKey={options.queryKey} what="The evaluations" lines={6}>
        {({ sites, points }) => {
          const shown = points.filter(({ version }) => version <= round.number).slice(-MODELS);
          const known = shown.flatMap(({ diceBySite }) => diceBySite.filter((dice) => dice !== null));
          if (known.length === 0) {
            return (
              <Blank title="No site has measured these models">
                <p className="dim">
                  {round.state === 'committed'
                    ? 'Sites with validation volumes report within a few minutes of a commit.'
                    : 'There is a model to evaluate once the round is committed.'}
                </p>
              </Blank>
            );
          }
          return (
            <div className="panel-part">
              <Heatmap
                what="Validation across sites"
                corner="Dice"
                columns={shown.map(({ version }) => (version === 0 ? 'initial' : `round ${version}`))}
                rows={[
                  ...sites.map((name, index) => ({
                    name,
                    values: shown.map((point) => point.diceBySite[index] ?? null),
                  })),
                  { name: 'All, by volume', values: shown.map((point) => point.dice?.mean ?? null) },
                ]}
                range={[Math.min(...known), Math.max(...known)]}
                format={formatDice}
              />
              <p className="dim chart-note">
                A row is a site&apos;s own validation volumes, a column the model that a round committed.
              </p>
            </div>
          );
        }}
      </Answered>
    </Panel>
  );
}
