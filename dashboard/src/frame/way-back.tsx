import { Link, type LinkProps } from '@tanstack/react-router';
import { Fragment, type ReactElement, type ReactNode } from 'react';

export interface Step {
  to: LinkProps['to'];
  params?: Record<string, string>;
  text: ReactNode;
}

/** What a page is part of, outermost first. */
export function WayBack({ steps }: { steps: Step[] }): ReactElement {
  return (
    <nav aria-label="Where this page belongs" className="dim">
      {steps.map(({ to, params, text }, index) => (
        <Fragment key={index}>
          {index > 0 && ' / '}
          <Link {...({ to, params } as LinkProps)}>{text}</Link>
        </Fragment>
      ))}
    </nav>
  );
}
