import type { SeenTree } from './verification.js';

/** For this browser and this server: who comes back tomorrow wants to know that today is still in there. */
const KEY = 'consilium.log';

export function recallTree(): SeenTree | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return isTree(value) ? value : null;
  } catch {
    return null;
  }
}

export function rememberTree(tree: SeenTree): void {
  localStorage.setItem(KEY, JSON.stringify(tree));
}

function isTree(value: unknown): value is SeenTree {
  if (typeof value !== 'object' || value === null) return false;
  const { origin, size, root, key } = value as Partial<Record<keyof SeenTree, unknown>>;
  return typeof size === 'number' && [origin, root, key].every((text) => typeof text === 'string');
}
