const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** IEEE 754 binary16 nearest to a float32, ties to even; what is too large becomes infinite. */
export function toHalf(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const size = bits[0] & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 the spacing is fixed at 2^-24: adding 0.5 in float32 makes the hardware round to that spacing.
  if (size < 0x38800000) {
    bits[0] = size;
    float[0] += 0.5;
    return sign | (bits[0] - 0x3f000000);
  }
  const odd = (size >>> 13) & 1;
  return sign | ((size - 0x38000000 + 0xfff + odd) >>> 13);
}

const decoded = new Float32Array(1 << 16);
for (let half = 0; half < decoded.length; half++) decoded[half] = valueOf(half);

/** Of its 16 bits: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
export function fromHalf(half: number): number {
  return decoded[half];
}

function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
