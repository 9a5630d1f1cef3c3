import type { RoundTimeline } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactElement, type ReactNode, useMemo } from 'react';
import { timelineQuery } from '../api/insight-queries.js';
import { FramedChart } from '../charts/chart-panel.js';
import { formatClock, formatSpan } from '../format/time.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { useNow } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';
import { CONTRIBUTION_STATES } from '../rounds/appearance.js';
import { type Lane, lanesOf, scaleOf, timelineSummary } from './lanes.js';
import { TimelineGrid } from './timeline-grid.js';

interface TimelinePanelProps {
  roundId: string;
  title: string;
  /** Right of the title: links to the rounds before and after. */
  actions?: ReactNode;
}

/** Who did what when in one round: a lane for each site. */
export function TimelinePanel({ roundId, title, actions }: TimelinePanelProps): ReactElement {
  const options = timelineQuery(roundId);
  const timeline = useQuery(options);
  if (timeline.data === undefined) {
    return (
      <Panel title={title} actions={actions} flush>
        <Answered query={timeline} queryKey={options.queryKey} what="The timeline" lines={6}>
          {() => null}
        </Answered>
      </Panel>
    );
  }
  return <Timeline timeline={timeline.data} title={title} actions={actions} />;
}

type TimelineProps = Omit<TimelinePanelProps, 'roundId'> & { timeline: RoundTimeline };

function Timeline({ timeline, title, actions }: TimelineProps): ReactElement {
  const now = useTimeOf(timeline);
  const lanes = useMemo(() => lanesOf(timeline, now), [timeline, now]);
  const scale = useMemo(() => scaleOf(timeline, lanes, now), [timeline, lanes, now]);
  const summary = timelineSummary(lanes);
  return (
    <FramedChart
      title={title}
      actions={actions}
      summary={summary}
      flush
      empty={
        scale === null || lanes.length === 0 ? (
          <Blank title="This round has not been opened yet">
            <p className="dim">A lane for each of its sites appears here once it is.</p>
          </Blank>
        ) : null
      }
      picture={scale !== null && <TimelineGrid lanes={lanes} scale={scale} title={title} />}
      table={<LanesTable title={title} lanes={lanes} />}
    />
  );
}

/** A closed round stands still; an open one moves on, every second. */
function useTimeOf({ closedAt }: RoundTimeline): number {
  const now = useNow();
  return closedAt === null ? now : Date.parse(closedAt);
}

const COLUMNS: readonly Column[] = [
  { title: 'Site' },
  { title: 'State' },
  { title: 'Fetching', figure: true },
  { title: 'Evaluating', figure: true },
  { title: 'Training', figure: true },
  { title: 'Uploading', figure: true },
  { title: 'Ended', figure: true },
];
const PHASES = ['fetching', 'evaluating', 'training', 'uploading'] as const;

function LanesTable({ title, lanes }: { title: string; lanes: Lane[] }): ReactElement {
  return (
    <DataTable what={title} columns={COLUMNS}>
      {lanes.map((lane) => (
        <tr key={lane.siteId}>
          <th scope="row">
            <Link to="/sites/$siteId" params={{ siteId: lane.siteId }}>
              {lane.site}
            </Link>
          </th>
          <td>
            <State is={CONTRIBUTION_STATES[lane.state]} />
          </td>
          {PHASES.map((phase) => (
            <td key={phase} className="figure">
              {lane.stretches
                .filter(({ state }) => state === phase)
                .map(({ from, to, running }) => `${formatSpan(to - from)}${running ? ' so far' : ''}`)
                .join(', ')}
            </td>
          ))}
          <td className="figure">{lane.end !== null && formatClock(lane.end.at)}</td>
        </tr>
      ))}
    </DataTable>
  );
}
