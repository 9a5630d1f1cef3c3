import { setTimeout as sleep } from 'node:timers/promises';
import { RequestFailed, type OperatorClient, type RoundView, type StudyView } from '@consilium/shared';
import { renderTable, roundLine } from '@consilium/shared/terminal';
import { InvalidArgumentError, type Command } from 'commander';
import type { Surroundings } from './commands.js';
import { findStudy } from './find.js';

/** A round's Dice is complete some time after it was committed: it is told once, when the next one is on, or at the end. */
const CLOSED = new Set<RoundView['state']>(['committed', 'aborted']);
const OVER = new Set<StudyView['state']>(['finished', 'stopped']);

export function addWatchCommand(program: Command, surroundings: Surroundings): void {
  program
    .command('watch')
    .description('follow a study until it is over: a live table on a terminal, elsewhere a line per round')
    .argument('<study>', 'name, id, or the beginning of its id or digest')
    .option('--interval <seconds>', 'between two looks', seconds, 2)
    .option('--json', 'a line of JSON per closed round')
    .action(async (text: string, { interval, json }: { interval: number; json?: boolean }) => {
      const operator = await surroundings.client();
      const { id } = await findStudy(operator, text);
      const study = await watch(surroundings, operator, { id, interval, json: json === true });
      if (json !== true) surroundings.console.line(`"${study.manifest.name}" is ${study.state}`);
    });
}

async function watch(
  { console, signal }: Surroundings,
  operator: OperatorClient,
  { id, interval, json }: { id: string; interval: number; json: boolean },
): Promise<StudyView> {
  const told = new Set<string>();
  for (;;) {
    const seen = await look(operator, id, (sentence) => console.status.show(sentence));
    if (seen !== undefined) {
      const { study, rounds } = seen;
      const over = OVER.has(study.state);
      for (const round of rounds.filter(({ state }, place) => CLOSED.has(state) && (over || place < rounds.length - 1)))
        if (!told.has(round.id)) {
          told.add(round.id);
          console.line(json ? JSON.stringify(round) : roundLine(round));
        }
      if (over) return study;
      console.status.show(liveTable(study, rounds.at(-1)));
    }
    await sleep(interval * 1000, undefined, { signal });
  }
}

/** Undefined where the server is away for the moment: a restart of it does not end the watching. */
async function look(
  operator: OperatorClient,
  id: string,
  say: (sentence: string) => void,
): Promise<{ study: StudyView; rounds: RoundView[] } | undefined> {
  try {
    const [study, rounds] = await Promise.all([operator.study(id), operator.rounds(id)]);
    return { study, rounds };
  } catch (error) {
    if (!(error instanceof RequestFailed) || error.kind === 'refused') throw error;
    say(error.message);
    return undefined;
  }
}

function liveTable({ manifest, state, reason }: StudyView, round: RoundView | undefined): string {
  const head = `"${manifest.name}" ${state}${reason === null ? '' : `: ${reason}`}`;
  if (round === undefined) return `${head}, no round yet`;
  const rows = round.contributions.map(({ site, state, done, total, metrics, bytes }) => [
    site,
    state,
    total === 0 ? '' : `${done}/${total}`,
    metrics?.loss.toFixed(3) ?? '',
    bytes === null ? '' : `${(bytes / 1e6).toFixed(1)} MB`,
  ]);
  const line = `round ${round.number} of ${manifest.rounds.count} ${round.state}${round.reason === null ? '' : `: ${round.reason}`}`;
  return [head, line, renderTable(['site', 'state', 'done', 'loss', 'sent'], rows)].join('\n');
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('expected seconds from 0.1 to 3600.');
  return value;
}
