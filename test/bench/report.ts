import { cpus, totalmem } from 'node:os';

export interface BenchReport {
  machine: { processor: string; cores: number; memoryGB: number; node: string };
  /** One measurement each; null where it could not be taken here. */
  rows: Record<string, string | number | null>[];
  /** What targets are stated in: dimensionless, so that they carry over to another machine. */
  ratios: Record<string, number>;
}

export function thisMachine(): BenchReport['machine'] {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

/** A table for a terminal, every column as wide as its widest cell. */
export function renderBench({ machine, rows, ratios }: BenchReport): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row[column] ?? null)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGB} GB, Node ${machine.node}`,
    ...lines.map((line) => line.map((text, i) => text.padStart(widths[i])).join('  ')),
    ...Object.entries(ratios).map(([name, ratio]) => `${name}: ${cell(ratio)}`),
  ].join('\n');
}

function cell(value: string | number | null): string {
  if (value === null) return '-';
  return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(3) : String(value);
}
