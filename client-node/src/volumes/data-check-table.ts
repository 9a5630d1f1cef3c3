import type { DataCheck } from './site.js';
import type { VolumeReport } from './volume-check.js';
import { times } from './volume.js';

const COLUMNS = ['volume', 'use', 'shape', 'spacing (mm)', 'axes', 'type', 'intensity', 'label values'] as const;

/** A folder's volumes as plain text, one a line, and below them in sentences what is wrong and what to know. */
export function dataCheckTable(check: DataCheck): string {
  const lines: string[] = [];
  if (check.volumes.length > 0) lines.push(...aligned([COLUMNS, ...check.volumes.map(cellsOf)]), '');
  const problems = [...check.problems, ...sentences(check.volumes, 'problems')];
  if (problems.length > 0) lines.push('Wrong:', ...problems.map((line) => `  ${line}`), '');
  const notes = [...check.notes, ...sentences(check.volumes, 'notes')];
  if (notes.length > 0) lines.push('To know:', ...notes.map((line) => `  ${line}`), '');
  lines.push(
    `${check.labelled} labelled, ${check.unlabelled} unlabelled and ${check.validation} validation volumes; ` +
      `${check.leftOut} left out.`,
  );
  return lines.join('\n');
}

function cellsOf(report: VolumeReport): string[] {
  const use = report.problems.length > 0 ? 'left out' : report.split === 'validation' ? 'validation' : useOf(report);
  return [
    report.name,
    use,
    report.shape === null ? '-' : times(report.shape),
    report.spacing === null ? '?' : times(report.spacing),
    report.orientation ?? '-',
    report.dtype ?? '-',
    report.range === null ? '-' : report.range.map((value) => String(Number(value.toPrecision(4)))).join(' to '),
    report.labelValues?.map(({ value, voxels }) => `${value}: ${voxels}`).join(', ') ?? '-',
  ];
}

function useOf({ labelled }: VolumeReport): string {
  return labelled ? 'labelled' : 'unlabelled';
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

/** The same note about many volumes is one line. */
function sentences(volumes: readonly VolumeReport[], key: 'problems' | 'notes'): string[] {
  const names = new Map<string, string[]>();
  for (const report of volumes) {
    for (const text of report[key]) names.set(text, [...(names.get(text) ?? []), report.name]);
  }
  return [...names].map(([text, who]) => `${who.length > 3 ? `${who.length} volumes` : who.join(', ')}: ${text}`);
}
