/** Sums and maxima along an axis, and their gradients. */
import { SUM_CHUNK } from "../backend.ts";

/** Outputs that are summed side by side, so that a strided axis is read a cache line at a time. */
const BLOCK = 64;
const sums = new Float64Array(BLOCK);

/** out [outer, inner] = Σ over axis of x [outer, axis, inner]. */
export function sumAxis(
  out: Float32Array,
  x: Float32Array,
  _outer: number,
  axis: number,
  inner: number,
  begin: number,
  end: number,
): void {
  let i = begin;
  while (i < end) {
    const row = Math.floor(i / inner);
    const column = i - row * inner;
    const count = Math.min(BLOCK, end - i, inner - column);
    const start = row * axis * inner + column;
    if (count === 1) out[i] = stridedSum(x, start, axis, inner);
    else {
      sums.fill(0);
      for (let a = 0; a < axis; a++) {
        const from = start + a * inner;
        for (let c = 0; c < count; c++) sums[c] += x[from + c];
      }
      for (let c = 0; c < count; c++) out[i + c] = sums[c];
    }
    i += count;
  }
}

function stridedSum(x: Float32Array, start: number, count: number, stride: number): number {
  let sum = 0;
  for (let a = 0; a < count; a++) sum += x[start + a * stride];
  return sum;
}

/** out and indices [outer, inner]: the greatest over axis of x [outer, axis, inner], and where it stands. */
export function maxAxis(
  out: Float32Array,
  indices: Int32Array,
  x: Float32Array,
  _outer: number,
  axis: number,
  inner: number,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const row = Math.floor(i / inner);
    const start = row * axis * inner + (i - row * inner);
    let best = x[start];
    let index = 0;
    for (let a = 1; a < axis; a++) {
      const value = x[start + a * inner];
      // Only a NaN differs from itself; the first one wins over every number and is never replaced.
      if (value > best || (value !== value && best === best)) {
        best = value;
        index = a;
      }
    }
    out[i] = best;
    indices[i] = index;
  }
}

/** gradX [outer, axis, inner]: gradOut [outer, inner] at `indices`, 0 elsewhere. */
export function maxAxisBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  indices: Int32Array,
  _outer: number,
  axis: number,
  inner: number,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const row = Math.floor(i / inner);
    const start = row * axis * inner + (i - row * inner);
    for (let a = 0; a < axis; a++) gradX[start + a * inner] = 0;
    gradX[start + indices[i] * inner] = gradOut[i];
  }
}

/** partials[c] = Σ x² over chunk c of SUM_CHUNK values. */
export function sumSquares(partials: Float64Array, x: Float32Array, size: number, begin: number, end: number): void {
  for (let chunk = begin; chunk < end; chunk++) {
    const stop = Math.min((chunk + 1) * SUM_CHUNK, size);
    let sum = 0;
    for (let i = chunk * SUM_CHUNK; i < stop; i++) sum += x[i] * x[i];
    partials[chunk] = sum;
  }
}
