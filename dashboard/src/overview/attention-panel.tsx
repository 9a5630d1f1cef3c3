import { Link } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { Icon } from '../frame/icons.js';
import { Panel } from '../frame/panel.js';
import type { Need } from './attention.js';

export function AttentionPanel({ needs }: { needs: Need[] }): ReactElement {
  if (needs.length === 0) {
    return (
      <section className="panel notice" aria-label="Attention">
        <span className="tone-good">
          <Icon name="check" />
        </span>
        <p>Nothing needs you</p>
      </section>
    );
  }
  return (
    <Panel title={`Needs attention (${needs.length})`} flush>
      <ul className="needs">
        {needs.map((need) => (
          <li key={need.key} className="notice">
            <span
              className={need.urgency === 'act' ? 'tone-bad' : 'tone-warn'}
              title={need.urgency === 'act' ? 'Act' : 'Watch'}
            >
              <Icon name={need.urgency === 'act' ? 'warning' : 'info'} />
            </span>
            <span>
              <span className="need-kind">{need.urgency === 'act' ? 'Act: ' : 'Watch: '}</span>
              {need.sentence}
            </span>
            <span className="spacer" />
            <Target target={need.target} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Target({ target }: { target: Need['target'] }): ReactElement {
  if (target.page === 'sites') return <Link to="/sites">Sites</Link>;
  if (target.page === 'study') {
    return (
      <Link to="/studies/$studyId" params={{ studyId: target.id }}>
        Study
      </Link>
    );
  }
  return (
    <Link to="/rounds/$roundId" params={{ roundId: target.id }}>
      Round
    </Link>
  );
}
