/** Crockford's base 32: no I, L, O and U, which people confuse on the telephone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Whole characters of five bits from `bytes`, in groups of four: what is left over of the last byte is not said. */
export function spokenText(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return (text.match(/.{1,4}/g) ?? []).join('-');
}

/** What a person typed, without what makes no difference: case, spaces, dashes, O for 0, I and L for 1. */
export function heardText(typed: string): string {
  return typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Of the thumbprint: 20 characters, 100 bits, to which nobody finds another key. */
const FINGERPRINT_BYTES = 13;

/** `thumbprint`: of a site's public key (RFC 7638), SHA-256 in base64url. The form that is read out and compared by people. */
export function spokenFingerprint(thumbprint: string): string {
  const binary = atob(thumbprint.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return spokenText(bytes.subarray(0, FINGERPRINT_BYTES));
}
