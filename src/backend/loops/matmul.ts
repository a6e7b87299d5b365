/**
 * Matrix product, as a ladder. GFLOP/s at 512³ on a 2-core AMD EPYC, Node 20, one thread:
 *
 *   1. `matmulNaive`, three loops                                                                  0.7
 *   2. a 4 × 2 tile of sums in registers: 6 loads for 8 products instead of 16                     2.7
 *   3. operands packed into panels of doubles first: no conversion and no stride in the inner loop  4.4
 *   4. the panels as constants of a closure (see `createCore`), two steps of k at a time            5.7
 *
 * `matmul` is rung 4. It follows the block structure of Goto and van de Geijn, "Anatomy of High-Performance Matrix
 * Multiplication" (2008): a block of A and a block of B are packed so that the tiles read memory in order and from the cache.
 *
 * Other tiles at rung 4: 4 × 4 (16 sums spill) 6.0, 3 × 4 6.2, 3 × 3 5.4, 6 × 2 6.1, 4 × 2 6.3 in the inner loop alone. Sums rounded to
 * float32 at each step (`Math.fround`) reach 2.4: V8 still computes in double and converts twice.
 *
 * Every rung adds the products of one output in the order of k, in double precision, and rounds once: all rungs give the
 * same bits, whatever the blocks and wherever the rows are split.
 */
import { addWeightedRows, dotRows } from "./rows.ts";

/** Rows and columns of a tile. */
const MR = 4;
const NR = 2;
/** Steps of k, rows of A and columns of B in a packed block: 256 kB of A, 512 kB of B. (256, 64 and 64 were 13 % slower.) */
const BLOCK_K = 512;
const BLOCK_M = 64;
const BLOCK_N = 128;
/** With fewer rows than this, packing B costs more than it saves, and each row runs through B by itself. */
const FEW_ROWS = 5;

/** Rung 1: three loops. */
// prettier-ignore
export function matmulNaive(
  out: Float32Array, a: Float32Array, b: Float32Array,
  _batch: number, m: number, k: number, n: number, transposeA: number, transposeB: number,
  begin: number, end: number,
): void {
  for (let row = begin; row < end; row++) {
    const item = Math.floor(row / m);
    const i = row - item * m;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const left = transposeA === 1 ? a[(item * k + p) * m + i] : a[(item * m + i) * k + p];
        const right = transposeB === 1 ? b[(item * n + j) * k + p] : b[(item * k + p) * n + j];
        sum += left * right;
      }
      out[row * n + j] = sum;
    }
  }
}

/** The used rung; see `Kernels.matmul`. */
// prettier-ignore
export function matmul(
  out: Float32Array, a: Float32Array, b: Float32Array,
  _batch: number, m: number, k: number, n: number, transposeA: number, transposeB: number,
  begin: number, end: number,
): void {
  let row = begin;
  while (row < end) {
    const item = Math.floor(row / m);
    const i = row - item * m;
    const rows = Math.min(BLOCK_M, end - row, m - i);
    const aStart = transposeA === 1 ? item * k * m + i : (item * m + i) * k;
    const bStart = item * k * n;
    if (rows < FEW_ROWS) {
      // Element (i, p) of A stands at aStart + i · rowStride + p · stepStride.
      const rowStride = transposeA === 1 ? 1 : k;
      const stepStride = transposeA === 1 ? m : 1;
      for (let r = 0; r < rows; r++)
        rowTimesMatrix(out, (row + r) * n, a, aStart + r * rowStride, stepStride, b, bStart, k, n, transposeB);
    } else {
      blockTimesMatrix(out, row * n, a, aStart, m, b, bStart, rows, k, n, transposeA, transposeB);
    }
    row += rows;
  }
}

/** out [rows, n] = a block of A's rows times B; A and B are packed block by block, A anew only where k spans several blocks. */
function blockTimesMatrix(
  out: Float32Array,
  outStart: number,
  a: Float32Array,
  aStart: number,
  m: number,
  b: Float32Array,
  bStart: number,
  rows: number,
  k: number,
  n: number,
  transposeA: number,
  transposeB: number,
): void {
  core ??= createCore();
  const { left, right, sums, tile } = core;
  for (let j = 0; j < n; j += BLOCK_N) {
    const columns = Math.min(BLOCK_N, n - j);
    sums.fill(0, 0, (rows + MR - 1) * BLOCK_N);
    for (let p = 0; p < k; p += BLOCK_K) {
      const depth = Math.min(BLOCK_K, k - p);
      const even = depth + (depth & 1); // the tile takes two steps at a time
      if (j === 0 || k > BLOCK_K) {
        if (transposeA === 1) packColumns(left, a, aStart + p * m, m, rows, depth, MR);
        else packRows(left, a, aStart + p, k, rows, depth, MR);
      }
      if (transposeB === 1) packRows(right, b, bStart + j * k + p, k, columns, depth, NR);
      else packColumns(right, b, bStart + p * n + j, n, columns, depth, NR);
      for (let i = 0; i < rows; i += MR) {
        for (let c = 0; c < columns; c += NR) tile(i * even, c * even, i * BLOCK_N + c, even);
      }
    }
    for (let i = 0; i < rows; i++) {
      const to = outStart + i * n + j;
      const from = i * BLOCK_N;
      for (let c = 0; c < columns; c++) out[to + c] = sums[from + c];
    }
  }
}

/**
 * Packs `lines` lines of `depth` floats, line l from x[start + l · stride] on, into panels of `width` lines: panel by panel, and
 * in a panel step by step. Missing lines and an odd last step are filled with zeros, which add nothing to a sum that counts.
 */
function packRows(
  packed: Float64Array,
  x: Float32Array,
  start: number,
  stride: number,
  lines: number,
  depth: number,
  width: number,
): void {
  const even = depth + (depth & 1);
  for (let line = 0; line < lines || line % width !== 0; line++) {
    const lane = line % width;
    const from = start + line * stride;
    const count = line < lines ? depth : 0;
    let to = (line - lane) * even + lane;
    for (let p = 0; p < count; p++) {
      packed[to] = x[from + p];
      to += width;
    }
    for (let p = count; p < even; p++) {
      packed[to] = 0;
      to += width;
    }
  }
}

/** The same panels from lines that lie side by side: element p of line l at x[start + p · stride + l]. */
function packColumns(
  packed: Float64Array,
  x: Float32Array,
  start: number,
  stride: number,
  lines: number,
  depth: number,
  width: number,
): void {
  const even = depth + (depth & 1);
  for (let line = 0; line < lines; line += width) {
    let to = line * even;
    let from = start + line;
    const count = Math.min(width, lines - line);
    if (count === NR && width === NR) packPairs(packed, to, x, from, stride, depth);
    else {
      for (let p = 0; p < depth; p++) {
        for (let lane = 0; lane < width; lane++) packed[to + lane] = lane < count ? x[from + lane] : 0;
        to += width;
        from += stride;
      }
    }
    if (even > depth) packed.fill(0, (line + width) * even - width, (line + width) * even);
  }
}

/** One full panel of two lines: B of A · B, the most frequent of all. */
function packPairs(
  packed: Float64Array,
  panel: number,
  x: Float32Array,
  start: number,
  stride: number,
  depth: number,
): void {
  let to = panel;
  let from = start;
  for (let p = 0; p < depth; p++) {
    packed[to] = x[from];
    packed[to + 1] = x[from + 1];
    to += 2;
    from += stride;
  }
}

/** Private scratch and the loop over it. */
interface Core {
  /** A block of A: panels of MR rows. */
  left: Float64Array;
  /** A block of B: panels of NR columns. */
  right: Float64Array;
  /** Sums of a block of outputs [BLOCK_M, BLOCK_N]. */
  sums: Float64Array;
  /** Adds a panel of `left` times a panel of `right` over `depth` steps (an even number) to MR × NR sums. */
  tile(leftStart: number, rightStart: number, sumStart: number, depth: number): void;
}

// Made at the first use, so that a program which never multiplies holds no megabyte.
let core: Core | undefined;

/**
 * The arrays are constants of the closure, and there is only one closure: so V8 compiles their addresses and lengths into
 * the inner loop. Passed as parameters, or kept in module variables (bundlers turn module constants into those), every
 * access pays an addition: 4.7 instead of 6.3 GFLOP/s.
 */
function createCore(): Core {
  const left = new Float64Array(BLOCK_K * BLOCK_M);
  const right = new Float64Array(BLOCK_K * BLOCK_N);
  const sums = new Float64Array(BLOCK_M * BLOCK_N);
  const tile = (leftStart: number, rightStart: number, sumStart: number, depth: number): void => {
    let ia = leftStart;
    let ib = rightStart;
    const row1 = sumStart + BLOCK_N;
    const row2 = row1 + BLOCK_N;
    const row3 = row2 + BLOCK_N;
    let c00 = sums[sumStart];
    let c01 = sums[sumStart + 1];
    let c10 = sums[row1];
    let c11 = sums[row1 + 1];
    let c20 = sums[row2];
    let c21 = sums[row2 + 1];
    let c30 = sums[row3];
    let c31 = sums[row3 + 1];
    for (let p = 0; p < depth; p += 2) {
      {
        const b0 = right[ib];
        const b1 = right[ib + 1];
        const a0 = left[ia];
        c00 += a0 * b0;
        c01 += a0 * b1;
        const a1 = left[ia + 1];
        c10 += a1 * b0;
        c11 += a1 * b1;
        const a2 = left[ia + 2];
        c20 += a2 * b0;
        c21 += a2 * b1;
        const a3 = left[ia + 3];
        c30 += a3 * b0;
        c31 += a3 * b1;
      }
      {
        const b0 = right[ib + 2];
        const b1 = right[ib + 3];
        const a0 = left[ia + 4];
        c00 += a0 * b0;
        c01 += a0 * b1;
        const a1 = left[ia + 5];
        c10 += a1 * b0;
        c11 += a1 * b1;
        const a2 = left[ia + 6];
        c20 += a2 * b0;
        c21 += a2 * b1;
        const a3 = left[ia + 7];
        c30 += a3 * b0;
        c31 += a3 * b1;
      }
      // 2 · MR and 2 · NR, in figures: a bundler's variable in their place costs 0.5 GFLOP/s.
      ia += 8;
      ib += 4;
    }
    sums[sumStart] = c00;
    sums[sumStart + 1] = c01;
    sums[row1] = c10;
    sums[row1 + 1] = c11;
    sums[row2] = c20;
    sums[row2 + 1] = c21;
    sums[row3] = c30;
    sums[row3 + 1] = c31;
  };
  return { left, right, sums, tile };
}

// Private scratch of the row rung, grown to the longest row seen.
let rowOfA = new Float64Array(0);
let rowOfOut = new Float64Array(0);

/** out [n] = one row of A times B: the product of decoding. B is read once, in order. */
function rowTimesMatrix(
  out: Float32Array,
  outStart: number,
  a: Float32Array,
  aStart: number,
  aStride: number,
  b: Float32Array,
  bStart: number,
  k: number,
  n: number,
  transposeB: number,
): void {
  if (rowOfA.length < k) rowOfA = new Float64Array(k);
  if (rowOfOut.length < n) rowOfOut = new Float64Array(n);
  for (let p = 0; p < k; p++) rowOfA[p] = a[aStart + p * aStride];
  if (transposeB === 1) dotRows(rowOfOut, 0, rowOfA, 0, b, bStart, n, k);
  else addWeightedRows(rowOfOut.fill(0, 0, n), rowOfA, 0, b, bStart, k, n);
  for (let j = 0; j < n; j++) out[outStart + j] = rowOfOut[j];
}
