import { ProtobufWriter } from './protobuf.js';
import { TensorGraph, type Value } from './tensor-graph.js';

/** TensorFlow's numbers of element types. */
const ELEMENT = { float: 1, int32: 3 } as const;
type Element = keyof typeof ELEMENT;

type Attribute =
  | { readonly element: Element }
  | { readonly integer: number }
  | { readonly integers: readonly number[] }
  | { readonly text: string }
  | { readonly flag: boolean }
  | { readonly shape: readonly number[] };
export type Attributes = Readonly<Record<string, Attribute>>;

/** Of TensorFlow 2.12; every operation used here is older. */
const PRODUCER = 1394;

/**
 * A TensorFlow GraphDef as it grows, node by node. The numbers of the fields are those of graph.proto, node_def.proto,
 * attr_value.proto and tensor.proto in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework.
 */
export class TensorFlowGraph extends TensorGraph {
  readonly #nodes = new Map<Value, ProtobufWriter>();

  /** What the graph takes; -1 is a size that is free. */
  placeholder(name: string, shape: readonly number[]): Value {
    return this.#add(name, 'Placeholder', [], { dtype: { element: 'float' }, shape: { shape } });
  }

  /** One axis as an operand. */
  integer(value: number): Value {
    return this.once(`integer.${value}`, (name) => this.addIntegers(name, [], [value]));
  }

  /** The first output of one more node, on float32 where `attributes` say nothing else. `output`: its name, where it should have one. */
  apply(operation: string, inputs: readonly Value[], attributes: Attributes = {}, output?: string): Value {
    const name = output ?? `${operation}.${this.#nodes.size}`;
    return this.#add(name, operation, inputs, { T: { element: 'float' }, ...attributes });
  }

  definition(): ProtobufWriter {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes.values()) graph.message(1, node);
    return graph.message(4, new ProtobufWriter().integer(1, PRODUCER));
  }

  protected has(name: Value): boolean {
    return this.#nodes.has(name);
  }

  protected addFloats(name: string, shape: readonly number[], content: Uint8Array): Value {
    return this.#constant(name, 'float', shape, content);
  }

  protected addIntegers(name: string, shape: readonly number[], values: readonly number[]): Value {
    return this.#constant(name, 'int32', shape, new Uint8Array(Int32Array.from(values).buffer));
  }

  #constant(name: string, element: Element, shape: readonly number[], content: Uint8Array): Value {
    const tensor = new ProtobufWriter().integer(1, ELEMENT[element]).message(2, shapeOf(shape)).bytes(4, content);
    return this.#add(name, 'Const', [], { dtype: { element } }, new ProtobufWriter().message(8, tensor));
  }

  #add(
    name: string,
    operation: string,
    inputs: readonly Value[],
    attributes: Attributes,
    value?: ProtobufWriter,
  ): Value {
    if (this.#nodes.has(name)) throw new RangeError(`node ${name}: expected a name of its own`);
    const node = new ProtobufWriter().text(1, name).text(2, operation);
    for (const input of inputs) node.text(3, input);
    for (const [key, attribute] of Object.entries(attributes))
      node.message(5, mapEntry(key, attributeValue(attribute)));
    if (value !== undefined) node.message(5, mapEntry('value', value));
    this.#nodes.set(name, node);
    return name;
  }
}

/** One entry of a protocol buffer's map from texts to messages. */
export function mapEntry(key: string, value: ProtobufWriter): ProtobufWriter {
  return new ProtobufWriter().text(1, key).message(2, value);
}

/** What is known of a tensor from outside its graph. */
export function tensorInfo(name: Value, shape: readonly number[]): ProtobufWriter {
  return new ProtobufWriter().text(1, `${name}:0`).integer(2, ELEMENT.float).message(3, shapeOf(shape));
}

function attributeValue(attribute: Attribute): ProtobufWriter {
  const writer = new ProtobufWriter();
  if ('element' in attribute) return writer.integer(6, ELEMENT[attribute.element]);
  if ('integer' in attribute) return writer.integer(3, attribute.integer);
  if ('text' in attribute) return writer.text(2, attribute.text);
  if ('flag' in attribute) return writer.integer(5, Number(attribute.flag));
  if ('shape' in attribute) return writer.message(7, shapeOf(attribute.shape));
  return writer.message(1, new ProtobufWriter().packed(3, attribute.integers));
}

function shapeOf(sides: readonly number[]): ProtobufWriter {
  const shape = new ProtobufWriter();
  for (const side of sides) shape.message(2, new ProtobufWriter().integer(1, side));
  return shape;
}
