/**
 * 16-bit floats of checkpoint files. Both kinds widen to 32 bits exactly, NaN payloads and -0 included; narrowing rounds to
 * the nearest, ties to the even one.
 */

/** The 32-bit patterns of all binary16 numbers, made when they are first needed. */
let patterns: Uint32Array | undefined;

function f16Patterns(): Uint32Array {
  if (patterns !== undefined) return patterns;
  patterns = new Uint32Array(65_536);
  const values = new Float32Array(patterns.buffer);
  for (let bits = 0; bits < patterns.length; bits++) {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) {
      // Zero and subnormals are fraction · 2^-24, which is a normal 32-bit float.
      values[bits] = fraction * 2 ** -24;
      patterns[bits] |= sign;
    } else {
      const wideExponent = exponent === 31 ? 255 : exponent + (127 - 15);
      patterns[bits] = sign | (wideExponent << 23) | (fraction << 13);
    }
  }
  return patterns;
}

/** All binary16 numbers, indexed by their 16 bits. Shared: do not change them. */
export function f16Values(): Float32Array {
  return new Float32Array(f16Patterns().buffer);
}

/**
 * The binary16 nearest to a 32-bit float. From 65520 on that is Infinity. NaN stays NaN with the upper bits of its payload;
 * a signalling one becomes quiet, as in hardware.
 *
 * @param bits the pattern of the 32-bit float
 * @returns 16 bits
 */
export function f16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2^16 and above
  // Adding half a unit, less one if the last kept bit is even, carries into that bit exactly where one has to round up.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  if (magnitude < 0x33000000) return sign; // below 2^-25, half of the smallest
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >> 23);
  return sign | ((fraction + (1 << (shift - 1)) - 1 + ((fraction >> shift) & 1)) >> shift);
}

/** The 16-bit words of bytes; those at an odd address are copied. (`slice` would not copy a Node Buffer.) */
function wordsOf(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(buffer, byteOffset, bytes.length >> 1);
}

/** The same numbers as patterns of bits. */
function patternsOf(x: Float32Array): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.length);
}

/**
 * IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits) as 32-bit floats.
 *
 * @param bytes little-endian, two for each number
 * @param out as many numbers, where they go; default a new array
 */
export function widenF16(bytes: Uint8Array, out: Float32Array = new Float32Array(bytes.length >> 1)): Float32Array {
  const words = wordsOf(bytes);
  const wide = f16Patterns();
  const outBits = patternsOf(out);
  for (let i = 0; i < words.length; i++) outBits[i] = wide[words[i]];
  return out;
}

/**
 * bfloat16, the upper half of a 32-bit float, as 32-bit floats.
 *
 * @param bytes little-endian, two for each number
 * @param out as many numbers, where they go; default a new array
 */
export function widenBF16(bytes: Uint8Array, out: Float32Array = new Float32Array(bytes.length >> 1)): Float32Array {
  const words = wordsOf(bytes);
  const outBits = patternsOf(out);
  for (let i = 0; i < words.length; i++) outBits[i] = words[i] << 16;
  return out;
}

/**
 * 32-bit floats as IEEE 754 binary16; see `f16Bits` for how they are rounded.
 *
 * @param out where they go, little-endian, two bytes for each; default a new array
 */
export function narrowF16(x: Float32Array, out: Uint8Array = new Uint8Array(2 * x.length)): Uint8Array {
  const words = wordsOf(out);
  const bits = patternsOf(x);
  for (let i = 0; i < bits.length; i++) words[i] = f16Bits(bits[i]);
  return putBack(words, out);
}

/**
 * 32-bit floats as bfloat16. NaN stays NaN with the upper bits of its payload; a signalling one becomes quiet.
 *
 * @param out where they go, little-endian, two bytes for each; default a new array
 */
export function narrowBF16(x: Float32Array, out: Uint8Array = new Uint8Array(2 * x.length)): Uint8Array {
  const words = wordsOf(out);
  const wide = patternsOf(x);
  for (let i = 0; i < wide.length; i++) {
    const bits = wide[i];
    const isNaN = (bits & 0x7fffffff) > 0x7f800000;
    words[i] = isNaN ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return putBack(words, out);
}

/** Brings words that `wordsOf` had to copy to where they belong. */
function putBack(words: Uint16Array, out: Uint8Array): Uint8Array {
  if (words.buffer !== out.buffer) out.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  return out;
}
