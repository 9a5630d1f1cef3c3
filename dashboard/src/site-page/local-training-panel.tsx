import type { NodeProgress } from '@consilium/shared';
import { Progress } from '@mantine/core';
import type { ReactElement } from 'react';
import { ChartPanel } from '../charts/chart-panel.js';
import { meanLine } from '../charts/plot.js';
import { formatLoss } from '../format/figures.js';
import { Moment } from '../frame/moment.js';
import { Blank, Panel } from '../frame/panel.js';

const SAID: Record<string, string> = {
  starting: 'starting',
  ready: 'ready',
  'server-away': 'waiting for the server to answer',
  waiting: 'waiting for a round',
  fetching: 'fetching a model',
  evaluating: 'measuring a model on validation volumes',
  evaluated: 'a model has been measured',
  training: 'training',
  uploading: 'sending the update',
  submitted: 'the update has been accepted',
  refused: 'the update was refused',
  abandoned: 'the round was left',
  finished: 'the study is finished',
};

/** What the node is doing, and the loss of its round under way. */
export function LocalTrainingPanel({ progress }: { progress: NodeProgress | null }): ReactElement {
  if (progress === null) {
    return (
      <Panel title="Training">
        <Blank title="The node has not run yet">
          <p>
            Start it with <code>consilium-node run --data DIR</code>.
          </p>
        </Blank>
      </Panel>
    );
  }
  const { state, round, done, total, sentence, losses, at } = progress;
  const what = `${SAID[state] ?? state}${round === null ? '' : `, round ${round}`}`;
  return (
    <>
      <Panel title="What the node is doing">
        <p>
          <strong>{what}</strong>
          {done !== null && total !== null && ` (${done} of ${total})`}{' '}
          <span className="dim">
            since <Moment at={at} />
          </span>
        </p>
        {sentence !== null && <p>{sentence}</p>}
        {done !== null && total !== null && total > 0 && (
          <Progress value={(100 * done) / total} aria-label={`${what}: ${done} of ${total}`} transitionDuration={0} />
        )}
      </Panel>
      <ChartPanel
        title="Loss of the round, mean up to each step"
        plot={{
          along: 'Step',
          x: losses.map(({ step }) => step),
          lines: [
            meanLine(
              losses.map(({ loss }) => loss),
              'loss',
            ),
          ],
          band: null,
          range: null,
          format: formatLoss,
        }}
        summary={summaryOf(losses)}
        empty={
          losses.length === 0 ? (
            <Blank title="No step has been taken yet">
              <p className="dim">Once a round trains here, its mean loss is drawn step by step.</p>
            </Blank>
          ) : null
        }
      />
    </>
  );
}

function summaryOf(losses: NodeProgress['losses']): string {
  const [first, last] = [losses.at(0), losses.at(-1)];
  if (first === undefined || last === undefined) return 'No loss yet.';
  return `Mean loss went from ${formatLoss(first.loss)} at step ${first.step} to ${formatLoss(last.loss)} at step ${last.step}.`;
}
