import type { FinishedSpan } from '../observability/traces.js';
import type { StudyEntity } from '../studies/study.entity.js';
import type { RoundEntity } from './round.entity.js';
import type { RoundStatus } from './round-state.js';

interface Transition {
  study: StudyEntity;
  round: RoundEntity;
  before: RoundStatus;
  after: RoundStatus;
  at: Date;
}

/** A moment for each change of state, and with the last one the round as a whole. */
export function transitionSpans({ study, round, before, after, at }: Transition): FinishedSpan[] {
  const attributes = attributesOf(study, round);
  const change = { 'consilium.round.from': before.state, 'consilium.round.state': after.state };
  const spans: FinishedSpan[] = [
    {
      name: `round ${after.state}`,
      begin: at,
      end: at,
      round: { id: round.id, part: 'step' },
      attributes: { ...attributes, ...change },
    },
  ];
  if (after.state === 'committed' || after.state === 'aborted') {
    spans.push({
      name: 'round',
      begin: round.openedAt ?? at,
      end: at,
      round: { id: round.id, part: 'whole' },
      attributes: { ...attributes, 'consilium.round.state': after.state },
      failed: after.state === 'aborted',
    });
  }
  return spans;
}

interface Aggregation {
  study: StudyEntity;
  round: RoundEntity;
  updates: number;
  begin: Date;
  end: Date;
  failed: boolean;
}

export function aggregationSpan({ study, round, updates, begin, end, failed }: Aggregation): FinishedSpan {
  return {
    name: 'aggregate',
    begin,
    end,
    round: { id: round.id, part: 'step' },
    attributes: { ...attributesOf(study, round), 'consilium.updates': updates },
    failed,
  };
}

function attributesOf(study: StudyEntity, round: RoundEntity): Record<string, string | number> {
  return {
    'consilium.study.id': study.id,
    'consilium.study.digest': study.digest,
    'consilium.round.id': round.id,
    'consilium.round.number': round.number,
    'consilium.round.attempt': round.attempt,
  };
}
