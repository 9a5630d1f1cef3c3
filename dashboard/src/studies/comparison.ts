/** More curves than this are hard to tell apart. */
export const COMPARED = { least: 2, most: 4 } as const;

/** Ids out of an address: "a,b,c". */
export function parseIds(text: unknown): string[] {
  if (typeof text !== 'string') return [];
  return [...new Set(text.split(',').filter((id) => /^[0-9a-f-]{36}$/.test(id)))].slice(0, COMPARED.most);
}

/** With `id` in or out; null where there is no room for one more. */
export function toggled(ids: readonly string[], id: string): string[] | null {
  if (ids.includes(id)) return ids.filter((other) => other !== id);
  return ids.length < COMPARED.most ? [...ids, id] : null;
}
