import type { HostDtype } from './host-tensor.js';

/** Element types of a safetensors file that this project reads. */
export const containerDtypes = {
  F64: { host: 'float64', bytes: 8, array: Float64Array },
  F32: { host: 'float32', bytes: 4, array: Float32Array },
  F16: { host: 'float16', bytes: 2, array: Uint16Array },
  BF16: { host: 'bfloat16', bytes: 2, array: Uint16Array },
  I64: { host: 'int64', bytes: 8, array: BigInt64Array },
  I32: { host: 'int32', bytes: 4, array: Int32Array },
  I16: { host: 'int16', bytes: 2, array: Int16Array },
  I8: { host: 'int8', bytes: 1, array: Int8Array },
  U8: { host: 'uint8', bytes: 1, array: Uint8Array },
  BOOL: { host: 'bool', bytes: 1, array: Uint8Array },
} as const satisfies Record<string, { host: HostDtype; bytes: number; array: unknown }>;

export type ContainerDtype = keyof typeof containerDtypes;

export function isContainerDtype(text: unknown): text is ContainerDtype {
  return typeof text === 'string' && Object.hasOwn(containerDtypes, text);
}

export function containerDtypeOf(host: HostDtype): ContainerDtype {
  const names = Object.keys(containerDtypes) as ContainerDtype[];
  return names.find((name) => containerDtypes[name].host === host)!;
}
