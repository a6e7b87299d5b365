/** 16-bit floats of checkpoint files, widened to 32 bits. Both kinds fit exactly, NaN payloads and -0 included. */

/**
 * IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits) as 32-bit floats.
 *
 * @param bytes little-endian, two for each number
 */
export function widenF16(bytes: Uint8Array): Float32Array {
  const out = new Float32Array(bytes.length >> 1);
  const outBits = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) {
    const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) {
      // Zero and subnormals are fraction · 2^-24, which is a normal 32-bit float.
      out[i] = fraction * 2 ** -24;
      outBits[i] |= sign;
    } else {
      const wideExponent = exponent === 31 ? 255 : exponent + (127 - 15);
      outBits[i] = sign | (wideExponent << 23) | (fraction << 13);
    }
  }
  return out;
}

/**
 * bfloat16, the upper half of a 32-bit float, as 32-bit floats.
 *
 * @param bytes little-endian, two for each number
 */
export function widenBF16(bytes: Uint8Array): Float32Array {
  const out = new Float32Array(bytes.length >> 1);
  const outBits = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) outBits[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24);
  return out;
}
