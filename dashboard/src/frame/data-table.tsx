import type { ReactElement, ReactNode } from 'react';

export interface Column {
  title: string;
  /** Figures stand at the right and in digits of one width. */
  figure?: true;
  /** For a column of buttons: only screen readers hear its title. */
  untitled?: true;
}

interface DataTableProps {
  /** What the rows are: names the region that scrolls. */
  what: string;
  columns: readonly Column[];
  /** Rows: `tr` with a `th scope="row"` first. */
  children: ReactNode;
}

/** Every table of the dashboard: scrolls by itself, also by keyboard, where it is wider than its panel. */
export function DataTable({ what, columns, children }: DataTableProps): ReactElement {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={`${what}, table`}>
      <table className="plain">
        <thead>
          <tr>
            {columns.map(({ title, figure, untitled }) => (
              <th key={title} scope="col" className={figure && 'figure'}>
                {untitled ? <span className="visually-hidden">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
