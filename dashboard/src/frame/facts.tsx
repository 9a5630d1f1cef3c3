import type { ReactElement, ReactNode } from 'react';

/** Figures with their names, in a row that wraps. */
export function Facts({ large = false, children }: { large?: boolean; children: ReactNode }): ReactElement {
  return <dl className={large ? 'facts large' : 'facts'}>{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
