import type { StudyCurves } from '@consilium/shared';
import type { ReactElement } from 'react';
import { formatDice, formatLoss, formatMillimetres } from '../format/figures.js';
import { Blank } from '../frame/panel.js';
import { ChartPanel } from './chart-panel.js';
import { curveOf, curveSummary, diceRange, isEmpty } from './curve.js';
import { meanLine, type Plot, plotOf, siteLine, valuesOf } from './plot.js';

interface FigurePanelProps {
  curves: StudyCurves;
  /** How many of the newest models; all without it. */
  last?: number;
}

const NOT_MEASURED = (
  <Blank title="No model has been evaluated yet">
    <p className="dim">
      Sites with validation volumes measure every committed model; the first figure follows the first round.
    </p>
  </Blank>
);

export function DicePanel({ curves, last }: FigurePanelProps): ReactElement {
  const curve = curveOf(curves, 'dice', last);
  const summary = curveSummary(curve, { what: 'Mean Dice', better: 'higher', format: formatDice });
  const plot = plotOf(curve, { range: null, format: formatDice });
  return (
    <ChartPanel
      title={last === undefined ? 'Dice by round' : `Dice of the last ${last} rounds`}
      plot={{ ...plot, range: diceRange(valuesOf(plot)) }}
      summary={summary}
      empty={isEmpty(curve) ? NOT_MEASURED : null}
    />
  );
}

export function DistancePanel({ curves }: FigurePanelProps): ReactElement {
  const curve = curveOf(curves, 'hd95');
  const summary = curveSummary(curve, { what: 'Mean HD95', better: 'lower', format: formatMillimetres });
  return (
    <ChartPanel
      title="95 % Hausdorff distance by round"
      plot={plotOf(curve, { range: null, format: formatMillimetres })}
      summary={summary}
      empty={
        isEmpty(curve) ? (
          <Blank title="No distance has been measured yet">
            <p className="dim">A distance exists once a model predicts every class in every volume of a site.</p>
          </Blank>
        ) : null
      }
    />
  );
}

/** The loss of the accepted updates as sites report it, with the parts that it is made of. */
export function LossPanel({ curves }: FigurePanelProps): ReactElement {
  const loss = curveOf(curves, 'loss');
  const parts = [
    { figure: 'supervised', name: 'supervised' },
    { figure: 'unsupervised', name: 'unsupervised' },
    { figure: 'cps', name: 'cooperative positive supervision' },
  ] as const;
  const lines = parts.flatMap(({ figure, name }, index) => {
    const part = curveOf(curves, figure);
    // An early round may lack a part that later ones have: both count from the first round.
    const values = loss.rounds.map((round) => part.mean[part.rounds.indexOf(round)] ?? null);
    return isEmpty(part) ? [] : [siteLine(name, values, index)];
  });
  const plot: Plot = {
    along: 'Round',
    x: loss.rounds,
    lines: [...lines, meanLine(loss.mean, 'loss')],
    band: { name: 'loss of sites', low: loss.low, high: loss.high },
    range: null,
    format: formatLoss,
  };
  return (
    <ChartPanel
      title="Losses by round"
      plot={plot}
      summary={curveSummary(loss, { what: 'Mean loss', better: 'lower', format: formatLoss })}
      empty={
        isEmpty(loss) ? (
          <Blank title="No round has been committed yet">
            <p className="dim">Each accepted update brings the mean losses of its site; nothing finer leaves a site.</p>
          </Blank>
        ) : null
      }
    />
  );
}
