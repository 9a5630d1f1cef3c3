import { createTheme, type CSSVariablesResolver } from '@mantine/core';

/** White on shades 6 and 7 reaches a contrast of 4.5: buttons. Links and lines take --accent of styles/colours.css. */
const accent = [
  '#e8f4f8',
  '#d2e7ef',
  '#a5d0e0',
  '#7cbcd3',
  '#5cb0cd',
  '#3593b5',
  '#1b7799',
  '#0f6382',
  '#0b4f69',
  '#083d52',
] as const;

/** Mantine paints inputs and controls with these; the same hues as styles/colours.css, from ink to page. */
const dark = [
  '#e6ebf0',
  '#c3ccd6',
  '#9eabb9',
  '#7f8c9a',
  '#414d5b',
  '#313b47',
  '#222a34',
  '#191f27',
  '#11161c',
  '#0c1015',
] as const;

export const theme = createTheme({
  primaryColor: 'accent',
  primaryShade: { light: 7, dark: 6 },
  colors: { accent, dark },
  fontFamily:
    '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  defaultRadius: 'md',
  respectReducedMotion: true,
  cursorType: 'pointer',
  headings: { fontWeight: '600' },
  components: {
    // A label halfway between two colours is hard to read, and a change of appearance repaints them all.
    SegmentedControl: { defaultProps: { transitionDuration: 0 } },
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { openDelay: 250, events: { hover: true, focus: true, touch: true } } },
  },
});

/** Mantine's own greys, moved onto the variables of styles/colours.css; it sets them per scheme, so they are replaced per scheme. */
const greys = {
  '--mantine-color-body': 'var(--page)',
  '--mantine-color-text': 'var(--ink)',
  '--mantine-color-bright': 'var(--ink)',
  '--mantine-color-dimmed': 'var(--ink-dim)',
  '--mantine-color-default': 'var(--surface)',
  '--mantine-color-default-hover': 'var(--hover)',
  '--mantine-color-default-color': 'var(--ink)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-placeholder': 'var(--ink-dim)',
  '--mantine-color-error': 'var(--bad)',
  '--mantine-color-anchor': 'var(--accent)',
};

export const variables: CSSVariablesResolver = () => ({ variables: {}, light: greys, dark: greys });
