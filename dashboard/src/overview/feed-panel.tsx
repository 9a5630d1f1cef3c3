import type { RoundView } from '@consilium/shared';
import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { timelineQuery } from '../api/insight-queries.js';
import { Icon } from '../frame/icons.js';
import { Moment } from '../frame/moment.js';
import { Blank, Panel } from '../frame/panel.js';
import { newsOf } from './feed.js';

/** How many of the newest are told; the log has all. */
const TOLD = 12;

/** What has happened lately, in sentences. */
export function FeedPanel({ rounds }: { rounds: RoundView[] }): ReactElement {
  const timelines = useQueries({ queries: rounds.map(({ id }) => timelineQuery(id)) });
  const news = newsOf(
    rounds,
    timelines.flatMap(({ data }) => data ?? []),
  ).slice(0, TOLD);
  return (
    <Panel title="Lately" flush>
      {news.length === 0 ? (
        <Blank title="Nothing has happened yet">
          <p className="dim">Rounds that open and close, and updates that come in, are told here.</p>
        </Blank>
      ) : (
        <ul className="news" aria-label="Lately">
          {news.map(({ key, at, roundId, sentence, is }) => (
            <li key={key}>
              <span className={`tone-${is.tone}`}>
                <Icon name={is.icon} size={14} />
              </span>
              <Link to="/rounds/$roundId" params={{ roundId }}>
                {sentence}
              </Link>
              <span className="dim">
                <Moment at={at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
