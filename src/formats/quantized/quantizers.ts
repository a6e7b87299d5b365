/**
 * Encoding 32 numbers as one of GGML's simple blocks, as its reference quantisers do (quantize_row_q8_0_ref and
 * quantize_row_q4_0_ref in ggml-quants.c), every step rounded to 32 bits. The block's scale d is stored as binary16, but the
 * numbers are divided by d as it was before.
 *
 * What no block can say is not made up. Where d is beyond binary16 (a number beyond about 8.3 million in Q8_0, 524 thousand
 * in Q4_0) it is stored as Infinity, as GGML does, and the block decodes to infinities and NaN. A NaN makes d and so the
 * whole block NaN; GGML leaves the block undefined. Where d is so small that it or 1 / d vanishes, the block decodes to zeros.
 */
import { f16Bits } from "../half.ts";

/** Writes d in front of a block. */
type ScaleWriter = (d: number, out: Uint8Array, at: number) => void;

function scaleWriter(): ScaleWriter {
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  return (d, out, at) => {
    value[0] = d;
    const half = f16Bits(bits[0]);
    out[at] = half;
    out[at + 1] = half >> 8;
  };
}

/** What the numbers are multiplied by: 1 / d in 32 bits, or 0. */
function inverse(d: number): number {
  return d === 0 ? 0 : Math.fround(1 / d);
}

/** Where the first number of greatest magnitude of a block stands. NaN counts as the greatest. */
function greatestAt(patterns: Int32Array, from: number): number {
  let greatest = 0; // patterns without their sign are ordered like magnitudes, with NaN above all
  let where = from;
  for (let i = from; i < from + 32; i++) {
    const magnitude = patterns[i] & 0x7fffffff;
    if (magnitude > greatest) {
      greatest = magnitude;
      where = i;
    }
  }
  return where;
}

/** Q8_0: d = greatest magnitude / 127; q = x / d, halves rounded away from zero. */
export function encodeQ8_0(x: Float32Array, out: Uint8Array): void {
  const writeScale = scaleWriter();
  const patterns = new Int32Array(x.buffer, x.byteOffset, x.length);
  for (let from = 0, at = 0; from < x.length; from += 32, at += 34) {
    const d = Math.fround(Math.abs(x[greatestAt(patterns, from)]) / 127);
    const scale = inverse(d);
    writeScale(d, out, at);
    for (let i = 0; i < 32; i++) {
      const sign = patterns[from + i] >> 31; // 0 or -1: (q ^ -1) - -1 is -q
      const q = (Math.abs(Math.fround(x[from + i] * scale)) + 0.5) | 0;
      out[at + 2 + i] = (q ^ sign) - sign;
    }
  }
}

/** Q4_0: d = number of greatest magnitude / -8, the first of several; q = x / d + 8.5 without its fraction, at most 15. */
export function encodeQ4_0(x: Float32Array, out: Uint8Array): void {
  const writeScale = scaleWriter();
  const patterns = new Int32Array(x.buffer, x.byteOffset, x.length);
  for (let from = 0, at = 0; from < x.length; from += 32, at += 18) {
    const d = Math.fround((x[greatestAt(patterns, from)] + 0) / -8); // + 0: of zeros, GGML takes a positive one
    const scale = inverse(d);
    writeScale(d, out, at);
    for (let i = 0; i < 16; i++) {
      out[at + 2 + i] = level(x[from + i], scale) | (level(x[from + 16 + i], scale) << 4);
    }
  }
}

function level(x: number, scale: number): number {
  return Math.min(15, Math.fround(Math.fround(x * scale) + 8.5) | 0);
}
