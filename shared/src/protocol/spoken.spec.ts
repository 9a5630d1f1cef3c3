import fc from 'fast-check';
import { expect, it } from 'vitest';
import { heardText, spokenFingerprint, spokenText } from './spoken.js';

it('says five bits a character, in groups of four', () => {
  expect(spokenText(Uint8Array.of(0x00, 0x44, 0x32, 0x14, 0xc7))).toBe('0123-4567');
  expect(spokenText(new Uint8Array(13).fill(255))).toBe('ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ');
});

it('hears what was said, however it is typed', () => {
  expect(heardText('oIl-5 zz')).toBe('0115ZZ');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (bytes) => {
      const text = spokenText(bytes);
      expect(text.replaceAll('-', '')).toHaveLength(Math.floor((bytes.length * 8) / 5));
      expect(heardText(text.toLowerCase().replaceAll('-', ' '))).toBe(heardText(text));
    }),
  );
});

it('gives keys that differ in their first bits other fingerprints', () => {
  // The thumbprint of RFC 8037, appendix A.3.
  expect(spokenFingerprint('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')).toBe('J3XC-NZN9-P5AP-D62M-1XRC');
  expect(spokenFingerprint('kPrL_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')).not.toBe('J3XC-NZN9-P5AP-D62M-1XRC');
});
