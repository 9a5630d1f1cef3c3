import { Random } from '@consilium/shared';

/** Values that parsers have stumbled over. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  2 ** 53,
  '',
  'a'.repeat(5000),
  '\u0000',
  '../../etc/passwd',
  "'; DROP TABLE site; --",
  '😀',
  [],
  [[[[[[]]]]]],
  {},
  { __proto__: null, constructor: 1 },
];

/** A right message made wrong: a value replaced, removed, added or nested at a place drawn by chance. */
export function mutated(message: unknown, random: Random): unknown {
  const odd = () => ODD[random.below(ODD.length)];
  if (typeof message !== 'object' || message === null || random.chance(0.1)) return odd();
  if (Array.isArray(message)) return random.chance(0.5) ? [...(message as unknown[]), odd()] : message.slice(1);
  const entries: [string, unknown][] = Object.entries(message);
  if (entries.length === 0) return odd();
  const at = random.below(entries.length);
  const [name, value] = entries[at];
  switch (random.below(4)) {
    case 0:
      return Object.fromEntries(entries.filter((_, i) => i !== at));
    case 1:
      return { ...message, [random.chance(0.5) ? '__proto__' : 'extra']: odd() };
    case 2:
      return { ...message, [name]: mutated(value, random) };
    default:
      return { ...message, [name]: odd() };
  }
}

/** Bytes of a right text with some of them changed, doubled or left out. */
export function garbled(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  for (let change = 1 + random.below(4); change > 0; change--) {
    const at = random.below(Math.max(1, bytes.length));
    if (bytes.length > 0) bytes[at] = random.below(256);
  }
  return random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}
