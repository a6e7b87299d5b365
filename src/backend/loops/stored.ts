/**
 * Weights in the forms of files. A row is widened to 32-bit floats and then used like any other.
 *
 * | form | block |
 * |---|---|
 * | 0 F16 | one IEEE 754 binary16 |
 * | 1 BF16 | the upper half of one 32-bit float |
 * | 2 Q8_0 | F16 scale d, 32 signed bytes q; value = d · q |
 * | 3 Q4_0 | F16 scale d, 16 bytes; value i = d · (low half of byte i - 8), value 16 + i = d · (high half - 8) |
 */

const word = new Uint32Array(1);
const number = new Float32Array(word.buffer);

/** A binary16, given by its 16 bits. */
export function fromHalf(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return (sign === 0 ? 1 : -1) * fraction * 2 ** -24; // zero or subnormal
  word[0] = sign | ((exponent === 31 ? 255 : exponent + (127 - 15)) << 23) | (fraction << 13);
  return number[0];
}

function halfAt(bytes: Uint8Array, at: number): number {
  return fromHalf(bytes[at] | (bytes[at + 1] << 8));
}

/** Widens `count` numbers from `at` on; for blocks of 32, `count` is a multiple of 32. */
type Widener = (out: Float32Array, to: number, bytes: Uint8Array, at: number, count: number) => void;

/** By the form's code. */
const WIDENERS: readonly Widener[] = [
  (out, to, bytes, at, count) => {
    for (let i = 0; i < count; i++) out[to + i] = halfAt(bytes, at + 2 * i);
  },
  (out, to, bytes, at, count) => {
    for (let i = 0; i < count; i++) {
      word[0] = (bytes[at + 2 * i] << 16) | (bytes[at + 2 * i + 1] << 24);
      out[to + i] = number[0];
    }
  },
  (out, to, bytes, at, count) => {
    for (let i = 0; i < count; i += 32, at += 34) {
      const scale = halfAt(bytes, at);
      for (let j = 0; j < 32; j++) out[to + i + j] = scale * ((bytes[at + 2 + j] << 24) >> 24);
    }
  },
  (out, to, bytes, at, count) => {
    for (let i = 0; i < count; i += 32, at += 18) {
      const scale = halfAt(bytes, at);
      for (let j = 0; j < 16; j++) {
        out[to + i + j] = scale * ((bytes[at + 2 + j] & 15) - 8);
        out[to + i + 16 + j] = scale * ((bytes[at + 2 + j] >> 4) - 8);
      }
    }
  },
];

/** Bytes of `count` numbers, by the form's code. */
export function storedBytes(form: number, count: number): number {
  return form < 2 ? 2 * count : (count / 32) * (form === 2 ? 34 : 18);
}

/** See `Kernels.widen`. */
export function widen(
  out: Float32Array,
  stored: Uint8Array,
  form: number,
  cols: number,
  begin: number,
  end: number,
): void {
  const rowBytes = storedBytes(form, cols);
  for (let row = begin; row < end; row++) WIDENERS[form](out, row * cols, stored, row * rowBytes, cols);
}

let wide = new Float32Array(0); // private scratch: one row

/** See `Kernels.linearStored`. */
export function linearStored(
  out: Float32Array,
  x: Float32Array,
  weight: Uint8Array,
  form: number,
  m: number,
  k: number,
  n: number,
  begin: number,
  end: number,
): void {
  if (wide.length < k) wide = new Float32Array(k);
  const rowBytes = storedBytes(form, k);
  for (let col = begin; col < end; col++) {
    WIDENERS[form](wide, 0, weight, col * rowBytes, k);
    for (let row = 0; row < m; row++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[row * k + i] * wide[i];
      out[row * n + col] = sum;
    }
  }
}
