import type { ValueTransformer } from 'typeorm';

/** Postgres gives a bigint as text; sizes of blobs are far below 2^53. */
export const wholeNumber: ValueTransformer = {
  to: (value: number | null) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};
