import type { ReactElement } from 'react';
import { Icon, type IconName } from './icons.js';

export type Tone = 'good' | 'warn' | 'bad' | 'active' | 'quiet';

/** How a state is shown everywhere: an icon, a word and a colour, so that none of the three carries it alone. */
export interface Appearance {
  icon: IconName;
  word: string;
  tone: Tone;
}

export function State({ is, pill = false }: { is: Appearance; pill?: boolean }): ReactElement {
  return (
    <span className={`state tone-${is.tone}${pill ? ' pill' : ''}`}>
      <Icon name={is.icon} size={14} />
      {is.word}
    </span>
  );
}
