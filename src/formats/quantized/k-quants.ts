/**
 * GGML's "K" blocks of 256 numbers: decoding. A block is cut into groups of 16 or 32 numbers, and each group has a small
 * integer as scale, to be multiplied by the block's own scale d (and another as minimum, with the block's dmin).
 *
 * | type | bytes of a block | value |
 * |---|---|---|
 * | Q2_K | 16 group bytes (low half scale s, high half minimum m), 64 bytes of 2-bit q, d, dmin | d·s·q - dmin·m |
 * | Q3_K | 32 bytes of third bits, 64 bytes of 2-bit q, 12 bytes of 6-bit s, d | d·(s - 32)·(q - 4) |
 * | Q4_K | d, dmin, 12 bytes of 6-bit s and m, 128 bytes of 4-bit q | d·s·q - dmin·m |
 * | Q5_K | d, dmin, 12 bytes of 6-bit s and m, 32 bytes of fifth bits, 128 bytes of 4-bit q | d·s·q - dmin·m |
 * | Q6_K | 128 bytes of the low 4 bits of q, 64 of the upper 2, 16 signed bytes s, d | d·s·(q - 32) |
 *
 * Groups are of 16 in Q2_K, Q3_K and Q6_K, of 32 in Q4_K and Q5_K. Bits of numbers that lie 32 apart (64 for the halves of
 * Q6_K) share a byte, the lowest bits belonging to the first. (ggml-common.h and ggml-quants.c of the GGML project.)
 *
 * d has 11 significant bits, scale and q together at most 12, so products are exact and only the difference is rounded. The
 * order of the factors still matters for the sign of a zero: d · s comes first.
 */

/** Q2_K. */
export function decodeQ2_K(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 256, at += 84) {
    const d = f16[bytes[at + 80] | (bytes[at + 81] << 8)];
    const dMin = f16[bytes[at + 82] | (bytes[at + 83] << 8)];
    for (let group = 0; group < 16; group++) {
      const scale = d * (bytes[at + group] & 15);
      const min = dMin * (bytes[at + group] >> 4);
      const shift = group & 6; // two groups for each of the four bit pairs of 32 bytes
      const quants = at + 16 + 32 * (group >> 3) + 16 * (group & 1);
      for (let i = 0; i < 16; i++) out[to + 16 * group + i] = scale * ((bytes[quants + i] >> shift) & 3) - min;
    }
  }
}

/** Q3_K. A third bit that is set means that 4 is not to be subtracted. */
export function decodeQ3_K(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 256, at += 110) {
    const d = f16[bytes[at + 108] | (bytes[at + 109] << 8)];
    for (let group = 0; group < 16; group++) {
      // Bytes 0-7 hold the low four bits of scales 0-7 (low halves) and 8-15 (high halves); bytes 8-11 the upper two of all.
      const low = (bytes[at + 96 + (group & 7)] >> (4 * (group >> 3))) & 15;
      const high = (bytes[at + 104 + (group & 3)] >> (2 * (group >> 2))) & 3;
      const scale = d * ((low | (high << 4)) - 32);
      const shift = group & 6;
      const bit = group >> 1;
      const thirds = at + 16 * (group & 1);
      const quants = thirds + 32 + 32 * (group >> 3);
      for (let i = 0; i < 16; i++) {
        const third = (bytes[thirds + i] >> bit) & 1;
        out[to + 16 * group + i] = scale * (((bytes[quants + i] >> shift) & 3) + 4 * third - 4);
      }
    }
  }
}

/** The 6-bit scale of a group in the 12 bytes that Q4_K and Q5_K begin with. */
function scaleOf(bytes: Uint8Array, at: number, group: number): number {
  return group < 4 ? bytes[at + group] & 63 : (bytes[at + group + 4] & 15) | ((bytes[at + group - 4] >> 6) << 4);
}

/** The 6-bit minimum of a group. */
function minOf(bytes: Uint8Array, at: number, group: number): number {
  return group < 4 ? bytes[at + group + 4] & 63 : (bytes[at + group + 4] >> 4) | ((bytes[at + group] >> 6) << 4);
}

/** Q4_K. */
export function decodeQ4_K(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 256, at += 144) {
    const d = f16[bytes[at] | (bytes[at + 1] << 8)];
    const dMin = f16[bytes[at + 2] | (bytes[at + 3] << 8)];
    for (let group = 0; group < 8; group++) {
      const scale = d * scaleOf(bytes, at + 4, group);
      const min = dMin * minOf(bytes, at + 4, group);
      const shift = 4 * (group & 1);
      const quants = at + 16 + 32 * (group >> 1);
      for (let i = 0; i < 32; i++) out[to + 32 * group + i] = scale * ((bytes[quants + i] >> shift) & 15) - min;
    }
  }
}

/** Q5_K. */
export function decodeQ5_K(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 256, at += 176) {
    const d = f16[bytes[at] | (bytes[at + 1] << 8)];
    const dMin = f16[bytes[at + 2] | (bytes[at + 3] << 8)];
    for (let group = 0; group < 8; group++) {
      const scale = d * scaleOf(bytes, at + 4, group);
      const min = dMin * minOf(bytes, at + 4, group);
      const shift = 4 * (group & 1);
      const quants = at + 48 + 32 * (group >> 1);
      for (let i = 0; i < 32; i++) {
        const fifth = (bytes[at + 16 + i] >> group) & 1;
        out[to + 32 * group + i] = scale * (((bytes[quants + i] >> shift) & 15) | (fifth << 4)) - min;
      }
    }
  }
}

/** Q6_K. */
export function decodeQ6_K(bytes: Uint8Array, out: Float32Array, f16: Float32Array): void {
  for (let to = 0, at = 0; to < out.length; to += 256, at += 210) {
    const d = f16[bytes[at + 208] | (bytes[at + 209] << 8)];
    for (let group = 0; group < 16; group++) {
      const scale = d * ((bytes[at + 192 + group] << 24) >> 24);
      const half = group >> 3;
      const inHalf = group & 7; // groups 0 to 3 have the low halves of 64 bytes, 4 to 7 the high ones
      const lowShift = inHalf & 4;
      const lows = at + 64 * half + 16 * (inHalf & 3);
      const highShift = inHalf & 6;
      const highs = at + 128 + 32 * half + 16 * (inHalf & 1);
      for (let i = 0; i < 16; i++) {
        const q = ((bytes[lows + i] >> lowShift) & 15) | (((bytes[highs + i] >> highShift) & 3) << 4);
        out[to + 16 * group + i] = scale * (q - 32);
      }
    }
  }
}
