import type { ArrayKernel } from './array-kernel.js';
import { assemble, compile, instantiate, loopWhile, op, type Code, type WasmFunction } from './wasm-module.js';

/** Values that one turn of a loop handles: lengths are rounded up to it, in room that belongs to nobody else. */
const TURN = 8;
const LARGEST_FLOAT32 = 3.4028234663852886e38;

interface KernelExports {
  /** Both ends of `values` and the start of `sums` are byte addresses. */
  addTerms(values: number, valuesEnd: number, sums: number, weight: number, shift: number): void;
  divide(sums: number, sumsEnd: number, values: number, divisor: number): void;
  within(values: number, valuesEnd: number, low: number, high: number): number;
  largest(values: number, valuesEnd: number): number;
  order(low: number, lowEnd: number, high: number): void;
  squaredDistance(one: number, oneEnd: number, other: number): number;
}

/** Compiled at the first use; a browser that imports this package never does. */
let compiled: object | undefined;

/** Two or four values at a time, in WebAssembly. The constructor throws where a process cannot have that. */
export class VectorKernel implements ArrayKernel {
  readonly #values: Float32Array;
  readonly #sums: Float64Array;
  readonly #exports: KernelExports;
  /** Values of a row. */
  readonly #room: number;
  readonly #sumsAt: number;

  constructor(capacity: number, rows = 1) {
    const room = Math.ceil(capacity / TURN) * TURN;
    const functions = [ADD_TERMS, DIVIDE, WITHIN, LARGEST, ORDER, SQUARED_DISTANCE];
    const instance = instantiate((compiled ??= compile(assemble(functions))), room * (rows * 4 + 8));
    this.#exports = instance.functions as KernelExports;
    this.#room = room;
    this.#sumsAt = rows * room * 4;
    this.#values = new Float32Array(instance.memory.buffer, 0, rows * room);
    this.#sums = new Float64Array(instance.memory.buffer, this.#sumsAt, room);
  }

  values(length: number, row = 0): Float32Array {
    return this.#values.subarray(row * this.#room, row * this.#room + length);
  }

  clearSums(length: number): void {
    this.#sums.fill(0, 0, length);
  }

  addTerms(length: number, weight: number, shift: number): void {
    this.#exports.addTerms(0, turns(length) * 4, this.#sumsAt, weight, shift);
  }

  divide(length: number, divisor: number): void {
    this.#exports.divide(this.#sumsAt, this.#sumsAt + turns(length) * 8, 0, divisor);
  }

  within(length: number, low: number, high: number): boolean {
    const end = this.#pad(length, low);
    return this.#exports.within(0, end, Math.max(low, -LARGEST_FLOAT32), Math.min(high, LARGEST_FLOAT32)) === 1;
  }

  largest(length: number): number {
    return this.#exports.largest(0, this.#pad(length, 0));
  }

  order(length: number, low: number, high: number): void {
    const at = low * this.#room * 4;
    this.#exports.order(at, at + turns(length) * 4, high * this.#room * 4);
  }

  squaredDistance(length: number, one: number, other: number): number {
    this.#pad(length, 0, other);
    return this.#exports.squaredDistance(one * this.#room * 4, this.#pad(length, 0, one), other * this.#room * 4);
  }

  /** Fills the last turn of a row; the address behind it. */
  #pad(length: number, value: number, row = 0): number {
    const begin = row * this.#room;
    const end = begin + turns(length);
    this.#values.fill(value, begin + length, end);
    return end * 4;
  }
}

function turns(length: number): number {
  return Math.max(1, Math.ceil(length / TURN)) * TURN;
}

function each(step: number, code: (offset: number) => Code): Code {
  return Array.from({ length: TURN / step }, (_, i) => code(i * step));
}

function advance(local: number, bytes: number): Code {
  return [op.get(local), op.i32Const(bytes), op.i32Add, op.set(local)];
}

/** Parameters: 0 values, 1 end of values, 2 sums, 3 weight, 4 shift. */
const ADD_TERMS: WasmFunction = {
  name: 'addTerms',
  parameters: ['i32', 'i32', 'i32', 'f64', 'f64'],
  vectors: 2,
  body: [
    [op.get(3), op.f64Splat, op.set(5), op.get(4), op.f64Splat, op.set(6)],
    loopWhile(
      [
        each(2, (at) => [
          [op.get(2), op.get(0), op.loadHalf(at * 4), op.f32ToF64, op.get(5), op.f64Multiply],
          [op.get(6), op.f64Add, op.get(6), op.f64Subtract, op.get(2), op.load(at * 8), op.f64Add, op.store(at * 8)],
        ]),
        advance(0, TURN * 4),
        advance(2, TURN * 8),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
  ],
};

/** Parameters: 0 sums, 1 end of sums, 2 values, 3 divisor. */
const DIVIDE: WasmFunction = {
  name: 'divide',
  parameters: ['i32', 'i32', 'i32', 'f64'],
  vectors: 1,
  body: [
    [op.get(3), op.f64Splat, op.set(4)],
    loopWhile(
      [
        each(2, (at) => [
          [op.get(2), op.get(0), op.load(at * 8), op.get(4), op.f64Divide, op.f64ToF32, op.storeHalf(at * 4)],
        ]),
        advance(0, TURN * 8),
        advance(2, TURN * 4),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
  ],
};

/** Parameters: 0 values, 1 end of values, 2 low, 3 high. A comparison with NaN is false. */
const WITHIN: WasmFunction = {
  name: 'within',
  parameters: ['i32', 'i32', 'f32', 'f32'],
  result: 'i32',
  vectors: 3,
  body: [
    [op.get(2), op.f32Splat, op.set(4), op.get(3), op.f32Splat, op.set(5), op.allOnes, op.set(6)],
    loopWhile(
      [
        each(4, (at) => [
          [op.get(0), op.load(at * 4), op.get(4), op.f32AtLeast, op.get(6), op.and],
          [op.get(0), op.load(at * 4), op.get(5), op.f32AtMost, op.and, op.set(6)],
        ]),
        advance(0, TURN * 4),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
    [op.get(6), op.allTrue],
  ],
};

/** Parameters: 0 values, 1 end of values. */
const LARGEST: WasmFunction = {
  name: 'largest',
  parameters: ['i32', 'i32'],
  result: 'f32',
  vectors: 1,
  body: [
    loopWhile(
      [
        each(4, (at) => [op.get(0), op.load(at * 4), op.f32Magnitude, op.get(2), op.f32Larger, op.set(2)]),
        advance(0, TURN * 4),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
    [op.get(2), op.f32Lane(0), op.get(2), op.f32Lane(1), op.scalarLarger],
    [op.get(2), op.f32Lane(2), op.get(2), op.f32Lane(3), op.scalarLarger, op.scalarLarger],
  ],
};

/** Parameters: 0 low, 1 end of low, 2 high. */
const ORDER: WasmFunction = {
  name: 'order',
  parameters: ['i32', 'i32', 'i32'],
  vectors: 2,
  body: [
    loopWhile(
      [
        each(4, (at) => [
          [op.get(0), op.load(at * 4), op.set(3), op.get(2), op.load(at * 4), op.set(4)],
          [op.get(0), op.get(3), op.get(4), op.f32Smaller, op.store(at * 4)],
          [op.get(2), op.get(3), op.get(4), op.f32Larger, op.store(at * 4)],
        ]),
        advance(0, TURN * 4),
        advance(2, TURN * 4),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
  ],
};

/** Parameters: 0 one, 1 end of one, 2 other. Vectors: 3 to 6 the sums, 7 a difference. */
const SQUARED_DISTANCE: WasmFunction = {
  name: 'squaredDistance',
  parameters: ['i32', 'i32', 'i32'],
  result: 'f64',
  vectors: 5,
  body: [
    loopWhile(
      [
        each(2, (at) => [
          [op.get(0), op.loadHalf(at * 4), op.f32ToF64, op.get(2), op.loadHalf(at * 4), op.f32ToF64],
          [op.f64Subtract, op.set(7), op.get(7), op.get(7), op.f64Multiply],
          [op.get(3 + at / 2), op.f64Add, op.set(3 + at / 2)],
        ]),
        advance(0, TURN * 4),
        advance(2, TURN * 4),
      ],
      [op.get(0), op.get(1), op.i32LessThan],
    ),
    [pairSum(3), pairSum(4), op.scalarAdd64, pairSum(5), pairSum(6), op.scalarAdd64, op.scalarAdd64],
  ],
};

/** Both halves of a vector of float64. */
function pairSum(local: number): Code {
  return [op.get(local), op.f64Lane(0), op.get(local), op.f64Lane(1), op.scalarAdd64];
}
