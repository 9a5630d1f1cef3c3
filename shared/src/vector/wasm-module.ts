/**
 * Just enough of a WebAssembly assembler (core specification 2.0, binary format) for loops over typed arrays: V8 makes no
 * vector instructions of JavaScript. Functions take parameters, keep v128 locals, and share one exported memory.
 */
export type Code = readonly (number | Code)[];
export type ValueType = 'i32' | 'f32' | 'f64';

export interface WasmFunction {
  name: string;
  parameters: readonly ValueType[];
  result?: ValueType;
  /** Numbered after the parameters. */
  vectors: number;
  body: Code;
}

const TYPES = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
const PAGE_BYTES = 65_536;

const vector = (opcode: number, ...immediates: number[]): Code => [0xfd, unsigned(opcode), immediates];
/** Alignment is a hint; 0 is always true. */
const access = (opcode: number, offset: number, ...lane: number[]): Code => [
  0xfd,
  unsigned(opcode),
  0,
  unsigned(offset),
  lane,
];

export const op = {
  get: (local: number): Code => [0x20, local],
  set: (local: number): Code => [0x21, local],
  i32Const: (value: number): Code => [0x41, signed(value)],
  i32Add: [0x6a],
  i32LessThan: [0x49],
  load: (offset: number): Code => access(0x00, offset),
  store: (offset: number): Code => access(0x0b, offset),
  /** Eight bytes into the low half, zeros into the high one. */
  loadHalf: (offset: number): Code => access(0x5d, offset),
  storeHalf: (offset: number): Code => access(0x5b, offset, 0),
  allOnes: vector(0x0c, ...new Array<number>(16).fill(0xff)),
  f32Splat: vector(0x13),
  f64Splat: vector(0x14),
  f32AtMost: vector(0x45),
  f32AtLeast: vector(0x46),
  and: vector(0x4e),
  allTrue: vector(0xa3),
  f32Lane: (lane: number): Code => vector(0x1f, lane),
  f64Lane: (lane: number): Code => vector(0x21, lane),
  f32Magnitude: vector(0xe0),
  /** NaN where either is; -0 is smaller than 0. */
  f32Smaller: vector(0xe8),
  f32Larger: vector(0xe9),
  scalarLarger: [0x97],
  scalarAdd64: [0xa0],
  f64ToF32: vector(0x5e),
  f32ToF64: vector(0x5f),
  f64Add: vector(0xf0),
  f64Subtract: vector(0xf1),
  f64Multiply: vector(0xf2),
  f64Divide: vector(0xf3),
} as const;

/** `body` at least once, and again as long as `condition` leaves a number other than 0. */
export function loopWhile(body: Code, condition: Code): Code {
  return [0x03, 0x40, body, condition, 0x0d, 0, 0x0b];
}

/** A module that exports `functions` and its memory of one page, as `memory`. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array {
  const signatures = functions.map(({ parameters, result }) => [
    0x60,
    list(parameters.map((type) => [TYPES[type]])),
    list(result ? [[TYPES[result]]] : []),
  ]);
  const bodies = functions.map(({ vectors, body }) => sized([list([[unsigned(vectors), TYPES.v128]]), body, 0x0b]));
  const exports = functions.map(({ name }, index) => [text(name), 0, unsigned(index)]);
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, signatures),
      section(
        3,
        functions.map((_, index) => unsigned(index)),
      ),
      section(5, [[0, 1]]),
      section(7, [...exports, [text('memory'), 2, 0]]),
      section(10, bodies),
    ]),
  );
}

interface WasmMemory {
  buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WasmHost {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

/** Node has it; its type declarations do not. */
const host = () => (globalThis as unknown as { WebAssembly: WasmHost }).WebAssembly;

export function compile(bytes: Uint8Array): object {
  return new (host().Module)(bytes);
}

export interface WasmInstance {
  memory: WasmMemory;
  /** What `assemble` was given, by name; the caller states its type. */
  functions: unknown;
}

/** The memory holds at least `memoryBytes`. Throws where the process cannot have it. */
export function instantiate(module: object, memoryBytes: number): WasmInstance {
  const exports = new (host().Instance)(module).exports as { memory: WasmMemory };
  exports.memory.grow(Math.ceil(memoryBytes / PAGE_BYTES));
  return { memory: exports.memory, functions: exports };
}

function section(id: number, items: readonly Code[]): Code {
  return [id, sized(list(items))];
}

function list(items: readonly Code[]): Code {
  return [unsigned(items.length), items];
}

function sized(code: Code): Code {
  const bytes = flat(code);
  return [unsigned(bytes.length), bytes];
}

function text(name: string): Code {
  return list(Array.from(new TextEncoder().encode(name), (byte) => [byte]));
}

function flat(code: Code): number[] {
  return code.flatMap((item) => (typeof item === 'number' ? [item] : flat(item)));
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, unsigned(value >>> 7)];
}

function signed(value: number): Code {
  const more = value < -0x40 || value >= 0x40;
  return more ? [(value & 0x7f) | 0x80, signed(value >> 7)] : [value & 0x7f];
}
