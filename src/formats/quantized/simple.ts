/**
 * GGML's blocks of 32 numbers with one scale: decoding. Scales are binary16, little-endian; q is a small integer.
 *
 * | type | bytes of a block | value |
 * |---|---|---|
 * | Q8_0 | scale d, 32 signed bytes q | d · q |
 * | Q4_0 | d, 16 bytes of halves | d · (q - 8) |
 * | IQ4_NL | d, 16 bytes of halves | d · LEVELS[q], levels denser around zero |
 * | Q4_1 | d, minimum m, 16 bytes of halves | d · q + m |
 * | Q5_0 | d, 32 fifth bits, 16 bytes of halves | d · (q - 16) |
 * | Q5_1 | d, m, 32 fifth bits, 16 bytes of halves | d · q + m |
 *
 * Numbers 0 to 15 are the low halves of the 16 bytes, 16 to 31 the high ones. Fifth bits are a little-endian word, bit i for
 * number i. (Block layouts: ggml-common.h of the GGML project.)
 *
 * A scale has 11 significant bits and its integers at most 8, so every product is exact and only a sum is rounded, when it
 * is stored: results do not depend on how a processor multiplies and adds, and double arithmetic gives the same bits.
 */

/**
 * Decodes whole blocks.
 *
 * @param out exactly as many numbers as the blocks hold
 * @param f16 the table of `f16Values`
 */
export type Decoder = (bytes: Uint8Array, out: Float32Array, f16: Float32Array) => void;

/** Q8_0. */
export function decodeQ8_0(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let to = 0, at = 0; to < out.length; to += 32, at += 34) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    for (let i = 0; i < 32; i++) out[to + i] = scale * signed[at + 2 + i];
  }
}

/** Q4_0. */
export function decodeQ4_0(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 32, at += 18) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 2 + i];
      out[to + i] = scale * ((pair & 15) - 8);
      out[to + 16 + i] = scale * ((pair >> 4) - 8);
    }
  }
}

/** What the 16 values of a half stand for in IQ4_NL (ggml-common.h, kvalues_iq4nl). */
const LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** IQ4_NL. */
export function decodeIQ4_NL(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 32, at += 18) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 2 + i];
      out[to + i] = scale * LEVELS[pair & 15];
      out[to + 16 + i] = scale * LEVELS[pair >> 4];
    }
  }
}

/** Q4_1. */
export function decodeQ4_1(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 32, at += 20) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    const min = f16[bytes[at + 2] | (bytes[at + 3] << 8)];
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i];
      out[to + i] = scale * (pair & 15) + min;
      out[to + 16 + i] = scale * (pair >> 4) + min;
    }
  }
}

/** The 32 fifth bits of a block. */
function fifthBits(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Q5_0. */
export function decodeQ5_0(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 32, at += 22) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    const fifths = fifthBits(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 6 + i];
      out[to + i] = scale * (((pair & 15) | (((fifths >> i) & 1) << 4)) - 16);
      out[to + 16 + i] = scale * (((pair >> 4) | (((fifths >> (16 + i)) & 1) << 4)) - 16);
    }
  }
}

/** Q5_1. */
export function decodeQ5_1(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 32, at += 24) {
    const scale = f16[bytes[at] | (bytes[at + 1] << 8)];
    const min = f16[bytes[at + 2] | (bytes[at + 3] << 8)];
    const fifths = fifthBits(bytes, at + 4);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 8 + i];
      out[to + i] = scale * ((pair & 15) | (((fifths >> i) & 1) << 4)) + min;
      out[to + 16 + i] = scale * ((pair >> 4) | (((fifths >> (16 + i)) & 1) << 4)) + min;
    }
  }
}
