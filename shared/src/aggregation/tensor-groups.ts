import type { TensorGroup } from '../protocol/aggregation-settings.js';

/** What becomes of the tensor `name`: as the first group says that matches it, else it is averaged. */
export function treatmentOf(name: string, groups: readonly TensorGroup[]): TensorGroup['how'] {
  return groups.find(({ match }) => matches(name, match))?.how ?? 'average';
}

/** `*` stands for any text; the whole name has to match. */
function matches(name: string, pattern: string): boolean {
  const [first, ...others] = pattern.split('*') as [string, ...string[]];
  if (!name.startsWith(first)) return false;
  const last = others.pop();
  if (last === undefined) return name === first;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
