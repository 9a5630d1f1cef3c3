import { ProtobufWriter } from '@consilium/shared/formats';

/** Figures of one moment, by the names under which they are shown. */
export type Scalars = Readonly<Record<string, number>>;

/** What a file of events begins with. */
export function versionRecord(seconds: number): Uint8Array {
  return record(new ProtobufWriter().double(1, seconds).text(3, 'brain.Event:2'));
}

/** One event of TensorBoard (tensorflow/core/util/event.proto); `seconds` since 1970. */
export function scalarsRecord(seconds: number, step: number, scalars: Scalars): Uint8Array {
  const summary = new ProtobufWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    summary.message(1, new ProtobufWriter().text(1, tag).float(2, value));
  }
  return record(new ProtobufWriter().double(1, seconds).integer(2, step).message(5, summary));
}

const OVERHEAD = 16;

/** A TFRecord: length, its checksum, data, its checksum; little-endian. */
function record(event: ProtobufWriter): Uint8Array {
  const data = event.finish();
  const bytes = new Uint8Array(data.length + OVERHEAD);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return bytes;
}

/** TensorFlow's way to keep a checksum of data that itself holds checksums from being weak. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** Castagnoli's CRC-32, as in RFC 3720. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
