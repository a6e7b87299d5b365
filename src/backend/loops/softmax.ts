/** Softmax and log-softmax over rows, and their gradients. Sums are kept in double precision. */
import { exp, log } from "../math.ts";

/**
 * The greatest of x[start .. start + count], to be subtracted before exponentials so that none overflows. 0 if all are
 * -Infinity: subtracting -Infinity from itself would give NaN, where 0 leaves every exponential 0.
 */
export function rowShift(x: Float32Array | Float64Array, start: number, count: number): number {
  let max = -Infinity;
  for (let c = start; c < start + count; c++) if (x[c] > max) max = x[c];
  return max === -Infinity ? 0 : max;
}

/** out = e^(x - max) / Σ e^(x - max). A row of -Infinity alone, where nothing can be chosen, becomes zeros. */
export function softmax(
  out: Float32Array,
  x: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const stop = start + cols;
    const shift = rowShift(x, start, cols);
    let sum = 0;
    for (let c = start; c < stop; c++) {
      const value = exp(x[c] - shift);
      out[c] = value;
      sum += value;
    }
    const factor = sum === 0 ? 0 : 1 / sum;
    for (let c = start; c < stop; c++) out[c] *= factor;
  }
}

/** gradX = y (gradOut - Σ gradOut · y). */
export function softmaxBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  y: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const stop = start + cols;
    let dot = 0;
    for (let c = start; c < stop; c++) dot += gradOut[c] * y[c];
    for (let c = start; c < stop; c++) gradX[c] = y[c] * (gradOut[c] - dot);
  }
}

/** Σ e^(x - shift) of x[start .. start + count]. */
function exponentialSum(x: Float32Array, start: number, count: number, shift: number): number {
  let sum = 0;
  for (let c = start; c < start + count; c++) sum += exp(x[c] - shift);
  return sum;
}

/** ln Σ e^x of x[start .. start + count]; -Infinity if all are -Infinity. */
export function rowLogSumExp(x: Float32Array, start: number, count: number): number {
  const shift = rowShift(x, start, count);
  return shift + log(exponentialSum(x, start, count, shift));
}

/** out = (x - max) - ln Σ e^(x - max). A row of -Infinity alone stays so. */
export function logSoftmax(
  out: Float32Array,
  x: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const shift = rowShift(x, start, cols);
    const sum = exponentialSum(x, start, cols, shift);
    // Not x - (max + ln Σ): beside a huge maximum the logarithm would be lost.
    const offset = sum === 0 ? 0 : log(sum);
    for (let c = start; c < start + cols; c++) out[c] = x[c] - shift - offset;
  }
}

/** gradX = gradOut - e^y Σ gradOut. */
export function logSoftmaxBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  y: Float32Array,
  _rows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const stop = start + cols;
    let sum = 0;
    for (let c = start; c < stop; c++) sum += gradOut[c];
    for (let c = start; c < stop; c++) gradX[c] = gradOut[c] - exp(y[c]) * sum;
  }
}
