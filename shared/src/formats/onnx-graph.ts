import { ProtobufWriter } from './protobuf.js';
import { TensorGraph, type Value } from './tensor-graph.js';

/** Whole numbers, or a real one. */
export type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** What a graph takes or gives; a text is the name of a size that is free. */
export interface Port {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** LayerNormalization and BatchNormalization as used here are of this version, which every runtime since 2021 reads. */
const OPSET = 17;
const IR_VERSION = 8;

const ELEMENT = { float: 1, int64: 7 } as const;
const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;

/** An ONNX graph as it grows, node by node: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the numbers of the fields. */
export class OnnxGraph extends TensorGraph {
  readonly #nodes: ProtobufWriter[] = [];
  readonly #constants = new Map<Value, ProtobufWriter>();

  /** The first output of one more node. `output`: its name, where it should have one. */
  apply(operator: string, inputs: readonly Value[], attributes: Attributes = {}, output?: string): Value {
    const name = output ?? `${operator}.${this.#nodes.length}`;
    const node = new ProtobufWriter();
    for (const input of inputs) node.text(1, input);
    node.text(2, name).text(3, name).text(4, operator);
    for (const [key, value] of Object.entries(attributes)) node.message(5, attribute(key, value));
    this.#nodes.push(node);
    return name;
  }

  /** The whole model; `metadata` is for whoever reads the file. */
  model(name: string, ports: { input: Port; output: Port }, metadata: Readonly<Record<string, string>>) {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, name);
    for (const constant of this.#constants.values()) graph.message(5, constant);
    graph.message(11, valueInfo(ports.input)).message(12, valueInfo(ports.output));
    const model = new ProtobufWriter()
      .integer(1, IR_VERSION)
      .text(2, 'consilium')
      .message(7, graph)
      .message(8, new ProtobufWriter().text(1, '').integer(2, OPSET));
    for (const [key, value] of Object.entries(metadata)) {
      model.message(14, new ProtobufWriter().text(1, key).text(2, value));
    }
    return model;
  }

  protected has(name: Value): boolean {
    return this.#constants.has(name);
  }

  protected addFloats(name: string, shape: readonly number[], content: Uint8Array): Value {
    return this.#keep(name, shape, ELEMENT.float, content);
  }

  protected addIntegers(name: string, shape: readonly number[], values: readonly number[]): Value {
    return this.#keep(name, shape, ELEMENT.int64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  #keep(name: string, shape: readonly number[], element: number, raw: Uint8Array): Value {
    if (this.#constants.has(name)) throw new RangeError(`constant ${name}: expected a name of its own`);
    const tensor = new ProtobufWriter();
    for (const side of shape) tensor.integer(1, side);
    this.#constants.set(name, tensor.integer(2, element).text(8, name).bytes(9, raw));
    return name;
  }
}

function attribute(name: string, value: Attributes[string]): ProtobufWriter {
  const writer = new ProtobufWriter().text(1, name);
  if (typeof value === 'number') return writer.integer(3, value).integer(20, ATTRIBUTE.integer);
  if ('float' in value) return writer.float(2, value.float).integer(20, ATTRIBUTE.float);
  for (const one of value) writer.integer(8, one);
  return writer.integer(20, ATTRIBUTE.integers);
}

function valueInfo({ name, shape }: Port): ProtobufWriter {
  const sides = new ProtobufWriter();
  for (const side of shape) {
    const dimension = new ProtobufWriter();
    sides.message(1, typeof side === 'number' ? dimension.integer(1, side) : dimension.text(2, side));
  }
  const tensor = new ProtobufWriter().integer(1, ELEMENT.float).message(2, sides);
  return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().message(1, tensor));
}
