/**
 * Matrix product. Rows by the dozen go through the packed panels of panels.ts, block by block; few rows, as in decoding,
 * run along the rows of B, which are then read once and in order, at the speed of memory.
 */
import { f32x4, i32, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { acrossLanes, atMost, bytes, element } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";
import { NR, TILE_BYTES } from "./panels.ts";
import type { Panels } from "./panels.ts";

/** Steps of depth that are multiplied at once: a panel of each side then fits into the first-level cache. Later steps are added to the result. */
const BLOCK_DEPTH = 384;
/** Columns of a task: its packed block of B fits into the second-level cache. */
const TASK_COLUMNS = 128;
/** Rows of a task, about, where columns alone make fewer tasks than `ENOUGH_TASKS`. */
const TASK_ROWS = 128;
const ENOUGH_TASKS = 8;
/** Rows whose packed panels are held at once. */
const BLOCK_ROWS = 8192;
/** With at most so many rows, packing B costs more than it saves. */
const FEW_ROWS = 4;

/** Where A, B and the result of one product stand, counted in elements. */
interface Product {
  out: Float32Array;
  outStart: number;
  a: Float32Array;
  aStart: number;
  /** Element (i, p) of A stands at aStart + i · rowStride + p · stepStride. */
  rowStride: number;
  stepStride: number;
  b: Float32Array;
  bStart: number;
  rows: number;
  k: number;
  n: number;
  transposeB: number;
}

/** Adds the product to the module. */
export function addMatmul(assembly: Assembly, panels: Panels): void {
  const pack = packKernel(assembly, panels);
  const multiply = multiplyKernel(assembly, panels);
  const few = Array.from({ length: FEW_ROWS }, (_, i) => fewRowsKernel(assembly, i + 1));
  const { memory } = assembly;
  assembly.kernels.matmul = (out, a, b, _batch, m, k, n, transposeA, transposeB, begin, end) => {
    const mark = memory.mark();
    const home = memory.holds(out) ? out : memory.lend((end - begin) * n);
    const aHome = bring(assembly, a);
    const bHome = bring(assembly, b);
    let row = begin;
    while (row < end) {
      const item = Math.floor(row / m);
      const i = row - item * m;
      const rows = Math.min(BLOCK_ROWS, end - row, m - i);
      const product: Product = {
        out: home,
        outStart: (home === out ? row : row - begin) * n,
        a: aHome,
        aStart: transposeA === 1 ? item * k * m + i : (item * m + i) * k,
        rowStride: transposeA === 1 ? 1 : k,
        stepStride: transposeA === 1 ? m : 1,
        b: bHome,
        bStart: item * k * n,
        rows,
        k,
        n,
        transposeB,
      };
      if (m <= FEW_ROWS && transposeA === 0 && transposeB === 1) multiplyFew(product, few[rows - 1]);
      else multiplyBlocks(product, assembly, panels.MR, pack, multiply);
      row += rows;
    }
    if (home !== out) out.set(home, begin * n);
    memory.giveBack(mark);
  };
}

/** An array of the memory with the same numbers, so that the blocks of a product need not be staged one by one. */
function bring({ memory }: Assembly, array: Float32Array): Float32Array {
  if (memory.holds(array)) return array;
  const home = memory.lend(array.length);
  home.set(array);
  return home;
}

function multiplyBlocks(product: Product, { memory }: Assembly, MR: number, pack: Call, multiply: Call): void {
  const { out, outStart, a, aStart, rowStride, stepStride, b, bStart, rows, k, n, transposeB } = product;
  const count = Math.ceil(rows / MR);
  const columnTasks = Math.ceil(n / TASK_COLUMNS);
  const rowTasks = columnTasks >= ENOUGH_TASKS ? 1 : Math.ceil(rows / TASK_ROWS);
  const taskPanels = Math.ceil(count / rowTasks);
  for (let p = 0; p === 0 || p < k; p += BLOCK_DEPTH) {
    const depth = Math.min(BLOCK_DEPTH, k - p);
    const mark = memory.mark();
    const left = memory.lend(count * MR * depth);
    pack([left, a, aStart + p * stepStride, rowStride, stepStride, rows, depth], {
      begin: 0,
      end: count,
      items: count,
      cost: MR * depth,
    });
    const [start, stride] = transposeB === 1 ? [bStart + p, k] : [bStart + p * n, n];
    multiply(
      // prettier-ignore
      [out, left, b, outStart, start, stride, transposeB, rows, depth, n, taskPanels, columnTasks, p > 0 ? 1 : 0],
      {
        begin: 0,
        end: Math.ceil(count / taskPanels) * columnTasks,
        items: Infinity,
        cost: taskPanels * MR * Math.min(n, TASK_COLUMNS) * depth,
        scratchBytes: TILE_BYTES + 4 * TASK_COLUMNS * depth,
      },
    );
    memory.giveBack(mark);
  }
}

/** Packs left panels; begin, end over panels. */
function packKernel(assembly: Assembly, { MR, packLeftRows, packLeftColumns }: Panels): Call {
  return assembly.function(
    "packLeft",
    { outputs: 1, inputs: 1, sizes: 5 },
    (f, left, a, start, rowStride, stepStride, rows, depth, begin, end) => {
      const first = f.let(i32.mul(begin, MR));
      const to = f.let(element(left, i32.mul(first, depth)));
      const from = f.let(element(a, i32.add(start, i32.mul(first, rowStride))));
      const lines = f.local("i32");
      f.for(begin, end, 1, () => {
        f.set(lines, atMost(i32.sub(rows, first), MR));
        f.if(
          i32.eq(stepStride, 1),
          () => f.do(packLeftRows(to, from, bytes(rowStride), lines, depth)),
          () => f.do(packLeftColumns(to, from, bytes(stepStride), lines, depth)),
        );
        f.increase(first, MR);
        f.increase(to, i32.mul(depth, 4 * MR));
        f.increase(from, i32.mul(rowStride, 4 * MR));
      });
    },
  );
}

/**
 * Multiplies packed A with blocks of B; begin, end over tasks, row of tasks by row of tasks. A task packs its block of B into
 * the scratch of its thread.
 */
function multiplyKernel(assembly: Assembly, { MR, packRightRows, packRightColumns, multiply }: Panels): Call {
  return assembly.function(
    "multiply",
    { outputs: 1, inputs: 2, sizes: 10 },
    // prettier-ignore
    (f, out, left, b, outStart, bStart, bStride, transposeB, rows, depth, n, taskPanels, columnTasks, accumulate, begin, end, scratch) => {
      const taskRows = f.let(i32.mul(taskPanels, MR));
      const to = f.local("i32");
      const panelBytes = f.let(i32.mul(depth, 4 * NR));
      const packed = f.let(i32.add(scratch, TILE_BYTES));
      f.for(begin, end, 1, (task) => {
        const row = f.let(i32.mul(i32.div_u(task, columnTasks), taskRows));
        const column = f.let(i32.mul(i32.rem_u(task, columnTasks), TASK_COLUMNS));
        const columns = f.let(atMost(i32.sub(n, column), TASK_COLUMNS));
        f.set(to, packed);
        f.for(0, columns, NR, (j) => {
          const lines = f.let(atMost(i32.sub(columns, j), NR));
          const from = f.let(i32.add(column, j));
          f.if(
            transposeB,
            () =>
              f.do(
                packRightRows(to, element(b, i32.add(bStart, i32.mul(from, bStride))), bytes(bStride), lines, depth),
              ),
            () => f.do(packRightColumns(to, element(b, i32.add(bStart, from)), bytes(bStride), lines, depth)),
          );
          f.increase(to, panelBytes);
        });
        f.do(
          multiply(
            element(out, i32.add(i32.add(outStart, column), i32.mul(row, n))),
            bytes(n),
            element(left, i32.mul(row, depth)),
            packed,
            depth,
            atMost(i32.sub(rows, row), taskRows),
            columns,
            accumulate,
            scratch,
          ),
        );
      });
    },
  );
}

function multiplyFew({ out, outStart, a, aStart, b, bStart, rows, k, n }: Product, multiply: Call): void {
  multiply([out, a, b, outStart, aStart, bStart, k, n], { begin: 0, end: n, items: Infinity, cost: rows * k });
}

/**
 * out [rows, n] = A [rows, k] · Bᵀ with B [n, k], for a fixed small number of rows; begin, end over n. One row of B is read
 * against all rows of A: a single stream through memory, which reaches 97 % of the bandwidth of plain reading; two rows at a time
 * reach a third of it (2-core AMD EPYC). Eight sums of four lanes hide the latency of the additions.
 */
function fewRowsKernel(assembly: Assembly, rows: number): Call {
  const { madd } = assembly.arithmetic;
  const unroll = Math.max(2, 8 / rows) | 0;
  return assembly.function(
    `matmul${rows}`,
    { outputs: 1, inputs: 2, sizes: 5 },
    (f, out, a, b, outStart, aStart, bStart, k, n, begin, end) => {
      const sums = Array.from({ length: rows }, () => Array.from({ length: unroll }, () => f.local("v128")));
      const starts = Array.from({ length: rows }, (_, r) => f.let(element(a, i32.add(aStart, i32.mul(k, r)))));
      const vectors = starts.map(() => f.local("i32"));
      const left = f.local("i32");
      const four = f.local("v128");
      const from = f.let(element(b, i32.add(bStart, i32.mul(begin, k))));
      f.for(begin, end, 1, (column) => {
        for (const sum of sums.flat()) f.set(sum, f32x4.const(0));
        vectors.forEach((vector, r) => f.set(vector, starts[r]));
        f.set(left, k);
        const dot = (width: number, load: typeof v128.load): void =>
          f.while(i32.ge_u(left, width), () => {
            for (let u = 0; 4 * u < width; u++) {
              f.set(four, load(from, 16 * u));
              sums.forEach((own, r) => f.set(own[u], madd(load(vectors[r], 16 * u), four, own[u])));
            }
            for (const pointer of [from, ...vectors]) f.increase(pointer, 4 * width);
            f.increase(left, -width);
          });
        dot(4 * unroll, v128.load);
        dot(4, v128.load);
        dot(1, v128.load32_zero);
        sums.forEach((own, r) => {
          const total = acrossLanes(
            f,
            own.reduce<V128>((x, y) => f32x4.add(x, y), f32x4.const(0)),
            f32x4.add,
          );
          f.do(v128.store32_lane(element(out, i32.add(i32.add(outStart, column), i32.mul(n, r))), total, 0));
        });
      });
    },
  );
}
