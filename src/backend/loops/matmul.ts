/** Matrix product. */

/** Rows and columns of a tile. */
const MR = 4;
const NR = 2;
/** Columns of B packed at a time, and floats of A. */
const STRIP = 32;
const BLOCK = 1 << 16;

let packedA = new Float64Array(0);
let packedB = new Float64Array(0);
let rowA = new Float64Array(0);

/** Three loops. */
export function matmulNaive(out: Float32Array, a: Float32Array, b: Float32Array, _batch: number, m: number, k: number, n: number, transposeA: number, transposeB: number, begin: number, end: number): void {
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

/** See `Kernels.matmul`. */
export function matmul(out: Float32Array, a: Float32Array, b: Float32Array, _batch: number, m: number, k: number, n: number, transposeA: number, transposeB: number, begin: number, end: number): void {
  let row = begin;
  const blockRows = Math.max(MR, Math.floor(BLOCK / Math.max(1, k) / MR) * MR);
  if (packedB.length < STRIP * k) packedB = new Float64Array(STRIP * k);
  while (row < end) {
    const item = Math.floor(row / m);
    const i = row - item * m;
    const rows = Math.min(blockRows, end - row, m - i);
    const bStart = item * k * n;
    if (rows <= 3) {
      if (rowA.length < k) rowA = new Float64Array(k);
      for (let r = 0; r < rows; r++) {
        const from = transposeA === 1 ? item * k * m + i + r : (item * m + i + r) * k;
        const stride = transposeA === 1 ? m : 1;
        for (let p = 0; p < k; p++) rowA[p] = a[from + p * stride];
        if (transposeB === 1) vectorTimesRows(out, (row + r) * n, rowA, b, bStart, k, n);
        else vectorTimesColumns(out, (row + r) * n, rowA, b, bStart, k, n);
      }
    } else {
      const size = Math.ceil(rows / MR) * MR * k;
      if (packedA.length < size) packedA = new Float64Array(size);
      if (transposeA === 1) packAlong(packedA, a, item * k * m + i, m, rows, k, MR);
      else packAcross(packedA, a, (item * m + i) * k, k, rows, k, MR);
      for (let j = 0; j < n; j += STRIP) {
        const columns = Math.min(STRIP, n - j);
        if (transposeB === 1) packAcross(packedB, b, bStart + j * k, k, columns, k, NR);
        else packAlong(packedB, b, bStart + j, n, columns, k, NR);
        multiplyPacked(out, row * n + j, n, rows, columns, k);
      }
    }
    row += rows;
  }
}

/** lines contiguous along k: x[start + line * stride + p] -> panel[line / width][p][line % width]. */
function packAcross(packed: Float64Array, x: Float32Array, start: number, stride: number, lines: number, k: number, width: number): void {
  for (let line = 0; line < lines; line++) {
    const from = start + line * stride;
    let to = (line - (line % width)) * k + (line % width);
    for (let p = 0; p < k; p++) {
      packed[to] = x[from + p];
      to += width;
    }
  }
}

/** x[start + p * stride + line] -> panel. */
function packAlong(packed: Float64Array, x: Float32Array, start: number, stride: number, lines: number, k: number, width: number): void {
  for (let p = 0; p < k; p++) {
    const from = start + p * stride;
    let to = p * width;
    let c = 0;
    for (let line = 0; line < lines; line++) {
      packed[to + c] = x[from + line];
      if (++c === width) {
        c = 0;
        to += width * k;
      }
    }
  }
}

function multiplyPacked(out: Float32Array, start: number, stride: number, rows: number, columns: number, k: number): void {
  const fullColumns = columns - (columns % NR);
  const fullRows = rows - (rows % MR);
  for (let j = 0; j < fullColumns; j += NR) {
    for (let i = 0; i < fullRows; i += MR) tile(out, start + i * stride + j, stride, packedA, i * k, packedB, j * k, k);
    for (let i = fullRows; i < rows; i++) for (let c = j; c < j + NR; c++) single(out, start + i * stride + c, i, c, k);
  }
  for (let j = fullColumns; j < columns; j++) for (let i = 0; i < rows; i++) single(out, start + i * stride + j, i, j, k);
}

function single(out: Float32Array, at: number, i: number, j: number, k: number): void {
  let ia = (i - (i % MR)) * k + (i % MR);
  let ib = (j - (j % NR)) * k + (j % NR);
  let sum = 0;
  for (let p = 0; p < k; p++) {
    sum += packedA[ia] * packedB[ib];
    ia += MR;
    ib += NR;
  }
  out[at] = sum;
}

//TILE
function tile(out: Float32Array, at: number, stride: number, a: Float64Array, aStart: number, b: Float64Array, bStart: number, k: number): void {
  let c00 = 0, c01 = 0, c10 = 0, c11 = 0, c20 = 0, c21 = 0, c30 = 0, c31 = 0;
  let ia = aStart;
  let ib = bStart;
  for (let p = 0; p < k; p++) {
    const b0 = b[ib];
    const b1 = b[ib + 1];
    const a0 = a[ia];
    const a1 = a[ia + 1];
    const a2 = a[ia + 2];
    const a3 = a[ia + 3];
    c00 += a0 * b0;
    c01 += a0 * b1;
    c10 += a1 * b0;
    c11 += a1 * b1;
    c20 += a2 * b0;
    c21 += a2 * b1;
    c30 += a3 * b0;
    c31 += a3 * b1;
    ia += MR;
    ib += NR;
  }
  out[at] = c00;
  out[at + 1] = c01;
  out[at + stride] = c10;
  out[at + stride + 1] = c11;
  out[at + 2 * stride] = c20;
  out[at + 2 * stride + 1] = c21;
  out[at + 3 * stride] = c30;
  out[at + 3 * stride + 1] = c31;
}
//ENDTILE

/** m = 1, B [n, k]: each row of B read once, four at a time. */
function vectorTimesRows(out: Float32Array, at: number, a: Float64Array, b: Float32Array, bStart: number, k: number, n: number): void {
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    const r0 = bStart + j * k;
    const r1 = r0 + k;
    const r2 = r1 + k;
    const r3 = r2 + k;
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let p = 0; p < k; p++) {
      const value = a[p];
      s0 += value * b[r0 + p];
      s1 += value * b[r1 + p];
      s2 += value * b[r2 + p];
      s3 += value * b[r3 + p];
    }
    out[at + j] = s0;
    out[at + j + 1] = s1;
    out[at + j + 2] = s2;
    out[at + j + 3] = s3;
  }
  for (; j < n; j++) {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[p] * b[bStart + j * k + p];
    out[at + j] = sum;
  }
}

let columnSums = new Float64Array(0);
/** m = 1, B [k, n]. */
function vectorTimesColumns(out: Float32Array, at: number, a: Float64Array, b: Float32Array, bStart: number, k: number, n: number): void {
  if (columnSums.length < n) columnSums = new Float64Array(n);
  const sums = columnSums;
  sums.fill(0, 0, n);
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    const r0 = bStart + p * n;
    const r1 = r0 + n;
    const r2 = r1 + n;
    const r3 = r2 + n;
    const a0 = a[p];
    const a1 = a[p + 1];
    const a2 = a[p + 2];
    const a3 = a[p + 3];
    for (let j = 0; j < n; j++) sums[j] = sums[j] + a0 * b[r0 + j] + a1 * b[r1 + j] + a2 * b[r2 + j] + a3 * b[r3 + j];
  }
  for (; p < k; p++) for (let j = 0; j < n; j++) sums[j] += a[p] * b[bStart + p * n + j];
  for (let j = 0; j < n; j++) out[at + j] = sums[j];
}
