/**
 * Writes protocol buffers' wire format, fields in the order of the calls. Nothing is copied on the way: large fields stay the
 * caller's bytes until they are written somewhere.
 */
export class ProtobufWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** int32, int64, uint64, bool and enum; whole numbers, negative ones as ten bytes. */
  integer(field: number, value: number | bigint): this {
    return this.#tag(field, WIRE.varint).#push(varint(BigInt.asUintN(64, BigInt(value))));
  }

  /** Repeated int32, int64 and the like as one field, which every reader takes. */
  packed(field: number, values: readonly number[]): this {
    return this.bytes(
      field,
      Uint8Array.from(values.flatMap((value) => [...varint(BigInt.asUintN(64, BigInt(value)))])),
    );
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, WIRE.fixed32).#push(bytes);
  }

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return this.#tag(field, WIRE.fixed64).#push(bytes);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, WIRE.lengthDelimited)
      .#push(varint(BigInt(value.length)))
      .#push(value);
  }

  message(field: number, message: ProtobufWriter): this {
    this.#tag(field, WIRE.lengthDelimited).#push(varint(BigInt(message.#length)));
    for (const piece of message.#pieces) this.#push(piece);
    return this;
  }

  /** The message in pieces that belong one behind the other. */
  pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #tag(field: number, wire: number): this {
    return this.#push(varint(BigInt(field * 8 + wire)));
  }

  #push(piece: Uint8Array): this {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this;
  }
}

const WIRE = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (; value > 0x7fn; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(value)]);
}
