export type DoctorStatus = 'ok' | 'warn' | 'fail';

export interface DoctorItem {
  name: string;
  status: DoctorStatus;
  /** The figure for a program; null where there is none. */
  value: string | number | null;
  /** For a person: what was found, and what to do if it is not good. */
  sentence: string;
}

export interface DoctorReport {
  /** The worst status of all items. */
  status: DoctorStatus;
  items: DoctorItem[];
}

/** One line per item, for a terminal. */
export function renderReport({ items }: DoctorReport): string {
  const width = Math.max(...items.map(({ name }) => name.length));
  return items
    .map(({ name, status, sentence }) => `${status.padEnd(4)}  ${name.padEnd(width)}  ${sentence}`)
    .join('\n');
}
