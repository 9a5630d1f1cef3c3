import { setTimeout as sleep } from 'node:timers/promises';
import type { OperatorClient, RoundView, StudyView } from '@consilium/shared';
import { roundLine } from '@consilium/shared/terminal';

const POLL_MS = 1000;
/** How long a finished study may wait for sites to measure its last model. */
const LAST_EVALUATION_MS = 300_000;

export interface Watching {
  client: OperatorClient;
  studyId: string;
  /** Sites that measure every model; a round's Dice is whole once all of them have reported. */
  evaluators: number;
  say: (line: string) => void;
  /** Overwrites itself on a terminal; silent elsewhere. */
  status: (line: string) => void;
  signal: AbortSignal;
}

export interface Watched {
  study: StudyView;
  rounds: RoundView[];
}

/** Follows a study until it ends and its last model is measured; says one line per closed round. */
export async function watchStudy(watching: Watching): Promise<Watched> {
  const said = new Set<string>();
  let endedAt: number | undefined;
  for (;;) {
    const [study, rounds] = await Promise.all([
      watching.client.study(watching.studyId),
      watching.client.rounds(watching.studyId),
    ]);
    rounds.sort((a, b) => a.number - b.number);
    const ended = study.state !== 'running';
    if (ended) endedAt ??= Date.now();
    const patience = endedAt !== undefined && Date.now() - endedAt > LAST_EVALUATION_MS;
    for (const round of rounds) {
      const told =
        round.state === 'aborted' || (round.state === 'committed' && (isMeasured(round, watching) || patience));
      if (!told || said.has(round.id)) continue;
      said.add(round.id);
      watching.say(roundLine(round));
    }
    if (ended && (patience || rounds.every((round) => round.state !== 'committed' || isMeasured(round, watching))))
      return { study, rounds };
    const open = rounds.find(
      (round) => round.state === 'open' || round.state === 'collecting' || round.state === 'aggregating',
    );
    watching.status(open === undefined ? 'waiting for sites' : statusLine(open));
    await sleep(POLL_MS, undefined, { signal: watching.signal });
  }
}

function isMeasured(round: RoundView, watching: Watching): boolean {
  return round.state === 'committed' && round.evaluations.length >= watching.evaluators;
}

function statusLine(round: RoundView): string {
  const sites = round.contributions.map(
    ({ site, state, done, total }) => `${site} ${state}${total > 0 ? ` ${done}/${total}` : ''}`,
  );
  return `round ${round.number} ${round.state}: ${sites.join(', ')}`;
}
