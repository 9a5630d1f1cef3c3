import { expect, test } from 'vitest';
import { crc32c, masked, scalarsRecord, versionRecord } from './event-records.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('checksums are those of RFC 3720, appendix B.4, and of the customary check', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(masked(0)).toBe(0xa282ead8);
  // 0x00018000 rotated by 15 is 3, with the lowest bit of the upper half carried over.
  expect(masked(0x00018000)).toBe(0xa282ead8 + 3);
});

test('a file begins as every file of TensorFlow does', () => {
  const bytes = hex(versionRecord(1.5));
  // 24 bytes follow, and the masked checksum of that length, as they stand at the head of any file of events.
  expect(bytes.slice(0, 24)).toBe('1800000000000000' + 'a37f4b22');
  expect(bytes.slice(24, 72)).toBe('09000000000000f83f' + '1a0d' + hex(new TextEncoder().encode('brain.Event:2')));
});

test('figures are a summary of simple values', () => {
  const bytes = hex(scalarsRecord(1.5, 300, { a: 0.5, bc: -2 }));
  const [first, second] = ['0a08' + '0a0161' + '150000003f', '0a09' + '0a026263' + '15000000c0'];
  expect(bytes.slice(24, -8)).toBe('09000000000000f83f' + '10ac02' + '2a15' + first + second);
  expect(bytes.slice(0, 16)).toBe('2300000000000000');
});
