const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span in its two largest units: "2 d 4 h", "23 h 59 min", "4 min 12 s", "12 s". Milliseconds in. */
export function formatSpan(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms >= DAY) return pair(ms, DAY, 'd', HOUR, 'h');
  if (ms >= HOUR) return pair(ms, HOUR, 'h', MINUTE, 'min');
  if (ms >= MINUTE) return pair(ms, MINUTE, 'min', SECOND, 's');
  return `${Math.floor(ms / SECOND)} s`;
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const first = Math.floor(ms / large);
  const second = Math.floor((ms % large) / small);
  return second === 0 ? `${first} ${largeName}` : `${first} ${largeName} ${second} ${smallName}`;
}

/** "just now", "12 s ago", "4 min ago", "3 d ago": one unit, for an eye that scans a column. */
export function formatAgo(instant: string, now: number): string {
  const age = now - Date.parse(instant);
  if (age < 5 * SECOND) return 'just now';
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  return `${Math.floor(age / DAY)} d ago`;
}

/** "2026-03-04 15:06:07 UTC+1": the reader's own clock, with its offset, so that two readers can compare. */
export function formatAbsolute(instant: string | number): string {
  const date = new Date(instant);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${formatClock(instant)} UTC${offset(-date.getTimezoneOffset())}`;
}

export function formatClock(instant: string | number): string {
  const date = new Date(instant);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function offset(minutes: number): string {
  if (minutes === 0) return '';
  const whole = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `${minutes > 0 ? '+' : '−'}${whole}${rest === 0 ? '' : `:${two(rest)}`}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
