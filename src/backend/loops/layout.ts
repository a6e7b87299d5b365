/** Kernels that only move numbers: repeat, transpose, copy, gather, scatter. */

/** From this length on, the engine's block copy is faster than a loop, in spite of the view objects it needs. */
const LONG = 64;

/** Copies `length` floats from x[xStart ..] to out[outStart ..]. */
function copy(out: Float32Array, outStart: number, x: Float32Array, xStart: number, length: number): void {
  if (length >= LONG) out.set(x.subarray(xStart, xStart + length), outStart);
  else for (let i = 0; i < length; i++) out[outStart + i] = x[xStart + i];
}

/** out [outer, repeat, inner]: each x [outer, inner] row repeated. */
export function expand(
  out: Float32Array,
  x: Float32Array,
  _outer: number,
  repeat: number,
  inner: number,
  begin: number,
  end: number,
): void {
  if (inner === 1) {
    for (let o = begin; o < end; o++) out.fill(x[o], o * repeat, (o + 1) * repeat);
    return;
  }
  for (let o = begin; o < end; o++) {
    for (let r = 0; r < repeat; r++) copy(out, (o * repeat + r) * inner, x, o * inner, inner);
  }
}

/** Columns of a matrix that are turned together, so that each cache line of x is used whole while it is at hand. */
const STRIP = 16;

/** out [outer, cols, middle, rows, inner] from x [outer, rows, middle, cols, inner]. */
export function transpose(
  out: Float32Array,
  x: Float32Array,
  _outer: number,
  rows: number,
  middle: number,
  cols: number,
  inner: number,
  begin: number,
  end: number,
): void {
  let index = begin;
  while (index < end) {
    const o = Math.floor(index / cols);
    const c = index - o * cols;
    const count = Math.min(STRIP, end - index, cols - c);
    for (let mid = 0; mid < middle; mid++) {
      const from = ((o * rows * middle + mid) * cols + c) * inner;
      const to = (index * middle + mid) * rows * inner;
      turnStrip(out, to, middle * rows * inner, x, from, middle * cols * inner, rows, count, inner);
    }
    index += count;
  }
}

/** out[c][r] = x[r][c] for `count` neighbouring columns c, each element being `inner` floats; the strides are those of c in out and of r in x. */
function turnStrip(
  out: Float32Array,
  to: number,
  outStride: number,
  x: Float32Array,
  from: number,
  xStride: number,
  rows: number,
  count: number,
  inner: number,
): void {
  for (let r = 0; r < rows; r++) {
    const source = from + r * xStride;
    const target = to + r * inner;
    if (inner === 1) for (let c = 0; c < count; c++) out[target + c * outStride] = x[source + c];
    else for (let c = 0; c < count; c++) copy(out, target + c * outStride, x, source + c * inner, inner);
  }
}

/** Copies run r of `length` floats from x[r · xStride + xStart] to out[r · outStride + outStart]. */
export function copyRuns(
  out: Float32Array,
  x: Float32Array,
  length: number,
  outStride: number,
  outStart: number,
  xStride: number,
  xStart: number,
  begin: number,
  end: number,
): void {
  for (let run = begin; run < end; run++) copy(out, run * outStride + outStart, x, run * xStride + xStart, length);
}

/** out [count, cols] = rows of table at ids [count]. */
export function gather(
  out: Float32Array,
  table: Float32Array,
  ids: Int32Array,
  _count: number,
  cols: number,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) copy(out, i * cols, table, ids[i] * cols, cols);
}

/** gradTable [tableRows, cols]: each gradOut [count, cols] row added to the row of its id, in the order of ids; others 0. */
export function scatterAdd(
  gradTable: Float32Array,
  gradOut: Float32Array,
  ids: Int32Array,
  count: number,
  _tableRows: number,
  cols: number,
  begin: number,
  end: number,
): void {
  gradTable.fill(0, begin * cols, end * cols);
  for (let i = 0; i < count; i++) {
    const id = ids[i];
    if (id < begin || id >= end) continue;
    const to = id * cols;
    const from = i * cols;
    for (let c = 0; c < cols; c++) gradTable[to + c] += gradOut[from + c];
  }
}
