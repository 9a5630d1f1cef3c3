import type { StudyView } from '@consilium/shared';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { sitesQuery, studyRoundsQuery } from '../api/queries.js';
import { DicePanel } from '../charts/dice-panel.js';
import { Answered } from '../frame/panel.js';
import { CurrentRoundPanel } from './current-round-panel.js';
import { RoundsPanel } from './rounds-panel.js';

interface StudyProgressProps {
  study: StudyView;
  /** All rounds, or only the newest. */
  all: boolean;
  /** A link to this page with the other choice; its text says which. */
  toggle: (text: string) => ReactNode;
}

/** Where a study is: the round that runs, Dice so far, and the rounds behind it. */
export function StudyProgress({ study, all, toggle }: StudyProgressProps): ReactElement {
  const options = studyRoundsQuery(study.id);
  const rounds = useQuery(options);
  const sites = useQuery(sitesQuery);
  return (
    <Answered query={rounds} queryKey={options.queryKey} what="The rounds" lines={6}>
      {(data) => (
        <>
          <div className="columns">
            <CurrentRoundPanel study={study} rounds={data} sites={sites.data} />
            <DicePanel rounds={data} initialDice={study.initialDice} />
          </div>
          <RoundsPanel rounds={data} initialDice={study.initialDice} all={all} toggle={toggle} />
        </>
      )}
    </Answered>
  );
}
