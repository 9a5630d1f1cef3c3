/** A page's filters without some of them. */
export function without<T extends object, K extends keyof T>(search: T, ...keys: K[]): Omit<T, K> {
  const rest = { ...search };
  for (const key of keys) Reflect.deleteProperty(rest, key);
  return rest;
}
