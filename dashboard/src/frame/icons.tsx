import type { ReactElement } from 'react';

/** Drawn on a grid of 16 units with a stroke of 1.5; decorative, because a word always stands beside them. */
const PATHS = {
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  warning: 'M8 2.2 14.6 13.6H1.4ZM8 6.4v3.4M8 11.7v.1',
  info: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 1 0 8 1.8ZM8 7.4v3.6M8 5v.1',
  play: 'M4.5 3v10l8-5Z',
  pause: 'M5.2 3.2v9.6M10.8 3.2v9.6',
  stop: 'M4 4h8v8H4Z',
  clock: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 1 0 8 1.8ZM8 4.6V8l2.4 1.6',
  dots: 'M3.5 8v.1M8 8v.1M12.5 8v.1',
  sum: 'M12 3.2H4.2L8.6 8l-4.4 4.8H12',
  down: 'M8 2.5v8M4.4 7.2 8 10.8l3.6-3.6M3 13.5h10',
  up: 'M8 13.5v-8M4.4 8.8 8 5.2l3.6 3.6M3 2.5h10',
  gauge: 'M2.4 11.6a6 6 0 1 1 11.2 0M8 9.6l2.6-3.4',
  pulse: 'M1.5 8.5h3L6.6 4l3 8 1.8-3.5h3.1',
  link: 'M2 8h12M10.5 4.5 14 8l-3.5 3.5',
  plug: 'M5.5 1.8v3.4M10.5 1.8v3.4M3.5 5.2h9v2.6a4.5 4.5 0 0 1-9 0ZM8 12.3v2',
  unplug: 'M2 2l12 12M5.5 3v2.2M10.5 1.8v3.4h2v2.6c0 .8-.2 1.5-.6 2.2M9.6 12a4.5 4.5 0 0 1-6.1-4.2V5.2M8 12.3v2',
  copy: 'M5.5 5.5V3.2c0-.4.3-.7.7-.7h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7h-2.3M3.2 5.5h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7H3.2c-.4 0-.7-.3-.7-.7V6.2c0-.4.3-.7.7-.7Z',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 1 0 0-5.6ZM8 1.2v1.3M8 13.5v1.3M1.2 8h1.3M13.5 8h1.3M3.2 3.2l.9.9M11.9 11.9l.9.9M12.8 3.2l-.9.9M4.1 11.9l-.9.9',
  moon: 'M13.4 9.6A5.7 5.7 0 0 1 6.4 2.6a5.7 5.7 0 1 0 7 7Z',
  leave: 'M9.5 2.5H4c-.6 0-1 .4-1 1v9c0 .6.4 1 1 1h5.5M7 8h7M11.3 5.3 14 8l-2.7 2.7',
  overview: 'M2.5 2.5h4.6v6.2H2.5ZM8.9 2.5h4.6v3.4H8.9ZM8.9 7.7h4.6v5.8H8.9ZM2.5 10.5h4.6v3H2.5Z',
  study: 'M5.8 1.8h4.4M6.8 1.8v4.4l-3.9 6.3c-.5.8 0 1.7 1 1.7h8.2c1 0 1.5-.9 1-1.7L9.2 6.2V1.8M4.7 10h6.6',
  site: 'M3 14V3.2c0-.4.3-.7.7-.7h8.6c.4 0 .7.3.7.7V14M1.5 14h13M8 4.6v3.8M6.1 6.5h3.8M6.5 14v-3h3v3',
  model: 'M8 1.8 14 5v6l-6 3.2L2 11V5ZM2 5l6 3.2L14 5M8 8.2v6',
  audit: 'M4 1.8h5.5L12.5 5v9.2H4ZM6.2 6.5h3.6M6.2 9h4M6.2 11.5h2.4',
  settings: 'M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.8 2.8v3.4M6.2 9.8v3.4',
  key: 'M10.5 1.8a3.7 3.7 0 1 0 0 7.4 3.7 3.7 0 1 0 0-7.4ZM7.9 8.1 2 14M4 12l1.8 1.8',
  seal: 'M8 1.5 13.2 3.6v4.2c0 3.2-2.2 5.6-5.2 6.7-3-1.1-5.2-3.5-5.2-6.7V3.6ZM5.6 8l1.8 1.8L10.6 6',
  refresh: 'M13.5 3v3.5H10M13.2 6.5A5.6 5.6 0 1 0 13.6 9',
  plus: 'M8 3v10M3 8h10',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'dots' ? 2.4 : 1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
