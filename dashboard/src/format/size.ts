const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in decimal units with three significant figures: "19.8 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would round up to "1000": it belongs to the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** Twelve characters name a digest for the eye; copying always takes all 64. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
