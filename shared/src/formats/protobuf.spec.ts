import { expect, it } from 'vitest';
import { ProtobufWriter } from './protobuf.js';

const hex = (writer: ProtobufWriter): string => Buffer.from(writer.finish()).toString('hex');

/** The first four are the examples of https://protobuf.dev/programming-guides/encoding/. */
it('writes the wire format', () => {
  expect(hex(new ProtobufWriter().integer(1, 150))).toBe('089601');
  expect(hex(new ProtobufWriter().text(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(new ProtobufWriter().message(3, new ProtobufWriter().integer(1, 150)))).toBe('1a03089601');
  expect(hex(new ProtobufWriter().packed(6, [3, 270, 86942]))).toBe('3206038e029ea705');
  expect(hex(new ProtobufWriter().integer(1, -2))).toBe('08feffffffffffffffff01');
  expect(hex(new ProtobufWriter().integer(20, 0).float(2, 1).double(1, 1))).toBe(
    'a00100' + '150000803f' + '09000000000000f03f',
  );
  expect(hex(new ProtobufWriter().bytes(1, new Uint8Array(200))).slice(0, 6)).toBe('0ac801');
});
