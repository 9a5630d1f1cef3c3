import type { RoundView } from '../protocol/round.js';

/** What became of a round, in one line. */
export function roundLine(round: RoundView): string {
  if (round.state !== 'committed')
    return `round ${round.number} ${round.state}${round.reason === null ? '' : `: ${round.reason}`}`;
  const sites = round.evaluations.map((evaluation) => `${evaluation.site} ${figure(evaluation.dice)}`).join(', ');
  const dice = `Dice ${figure(round.dice)}${sites === '' ? '' : ` (${sites})`}`;
  const megabytes = `${(round.bytes / 1e6).toFixed(1)} MB`;
  return `round ${round.number} committed: ${dice}, loss ${figure(round.loss)}, ${megabytes}, model ${round.result?.digest.slice(0, 12) ?? ''}`;
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}
