import type { MetricPoint } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { metricsQuery } from '../api/insight-queries.js';
import { ChartPanel } from '../charts/chart-panel.js';
import { meanLine, type Plot, siteLine } from '../charts/plot.js';
import { DISTINCT_SITES } from '../charts/series-style.js';
import { formatLoss, plural } from '../format/figures.js';
import { Answered, Blank } from '../frame/panel.js';

/** The losses that sites report while they train, step by step. */
export function TrainingPanel({ roundId }: { roundId: string }): ReactElement {
  const options = metricsQuery(roundId);
  const metrics = useQuery(options);
  return (
    <Answered query={metrics} queryKey={options.queryKey} what="The training losses" lines={6} framed>
      {(points) => (
        <ChartPanel
          title="Loss by step"
          plot={lossPlot(points)}
          summary={lossSummary(points)}
          empty={
            points.length === 0 ? (
              <Blank title="No site has reported a loss yet">
                <p className="dim">Sites report their mean loss every few steps while they train.</p>
              </Blank>
            ) : null
          }
        />
      )}
    </Answered>
  );
}

export function lossPlot(points: readonly MetricPoint[]): Plot {
  const steps = [...new Set(points.map(({ step }) => step))].sort((a, b) => a - b);
  const at = new Map(steps.map((step, index) => [step, index]));
  const sites = [...new Set(points.map(({ site }) => site))];
  const rows = new Map(sites.map((site) => [site, Array<number | null>(steps.length).fill(null)]));
  for (const { site, step, metrics } of points) {
    const row = rows.get(site);
    const index = at.get(step);
    if (row !== undefined && index !== undefined) row[index] = metrics.loss;
  }
  const common = { along: 'Step', x: steps, range: null, format: formatLoss };
  if (sites.length <= DISTINCT_SITES) {
    return { ...common, lines: [...rows].map(([site, values], index) => siteLine(site, values, index)), band: null };
  }
  const known = steps.map((_, index) => [...rows.values()].flatMap((row) => row[index] ?? []));
  return {
    ...common,
    lines: [meanLine(known.map((losses) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length))],
    band: {
      name: 'sites',
      low: known.map((losses) => Math.min(...losses)),
      high: known.map((losses) => Math.max(...losses)),
    },
  };
}

/** "3 sites trained up to step 100; their last losses lie between 0.312 and 0.501." */
function lossSummary(points: readonly MetricPoint[]): string {
  const last = new Map(points.map(({ site, metrics }) => [site, metrics.loss]));
  const losses = [...last.values()];
  if (losses.length === 0) return 'No site has reported a loss yet.';
  const step = Math.max(...points.map((point) => point.step));
  const which =
    losses.length === 1
      ? `its last loss is ${formatLoss(losses[0] ?? null)}`
      : `their last losses lie between ${formatLoss(Math.min(...losses))} and ${formatLoss(Math.max(...losses))}`;
  return `${plural(losses.length, 'site')} trained up to step ${step}; ${which}.`;
}
