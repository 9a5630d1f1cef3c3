/** What a table shows where a figure does not exist (yet). */
export const NONE = '–';

export function formatDice(dice: number | null): string {
  return dice === null ? NONE : dice.toFixed(3);
}

/** Three decimals up to ten, then fewer: a loss starts near 1 and only a broken run leaves that range. */
export function formatLoss(loss: number | null): string {
  if (loss === null) return NONE;
  return Math.abs(loss) < 10 ? loss.toFixed(3) : loss.toPrecision(4);
}

export function formatMillimetres(distance: number | null): string {
  return distance === null ? NONE : `${distance.toFixed(1)} mm`;
}

export function formatWeight(weight: number | null): string {
  return weight === null ? NONE : weight.toFixed(3);
}

export function formatCount(count: number | null): string {
  return count === null ? NONE : count.toLocaleString('en');
}

/** A difference with its sign, so that direction never rests on colour alone. */
export function formatChange(change: number): string {
  const text = Math.abs(change).toFixed(3);
  if (Number(text) === 0) return '±0.000';
  return `${change > 0 ? '+' : '−'}${text}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A share of a whole: "24 %", "3.1 %". */
export function formatShare(share: number | null): string {
  if (share === null) return NONE;
  const percent = 100 * share;
  return `${percent.toFixed(percent !== 0 && Math.abs(percent) < 9.95 ? 1 : 0)} %`;
}

/** The length of a change of weights, in three figures. */
export function formatNorm(norm: number | null): string {
  return norm === null ? NONE : norm.toPrecision(3);
}

export function formatCosine(cosine: number | null): string {
  return cosine === null ? NONE : cosine.toFixed(2).replace('-', '−');
}
