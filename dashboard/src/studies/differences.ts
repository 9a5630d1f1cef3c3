/** One setting of several studies, by its place in the manifest: "training.learningRate". */
export interface Difference {
  path: string;
  /** In the order of the studies; "–" where a study has no such setting. */
  values: string[];
}

/** What differs between manifests, in the order of the first one, and how many settings are alike. */
export function differences(manifests: readonly object[]): { differing: Difference[]; equal: number } {
  const flat = manifests.map((manifest) => new Map(leaves(manifest, '')));
  const paths = [...new Set(flat.flatMap((settings) => [...settings.keys()]))];
  const all = paths.map((path) => ({ path, values: flat.map((settings) => settings.get(path) ?? '–') }));
  const differing = all.filter(({ values }) => new Set(values).size > 1);
  return { differing, equal: all.length - differing.length };
}

/** Lists are one setting each: "112 × 112 × 80" says more than three rows. */
function leaves(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value)) return [[path, value.every(isPlain) ? value.join(', ') : JSON.stringify(value)]];
  if (value === null) return [[path, 'none']];
  if (typeof value !== 'object') return [[path, isPlain(value) ? String(value) : JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

function isPlain(value: unknown): value is number | string {
  return typeof value === 'number' || typeof value === 'string';
}
