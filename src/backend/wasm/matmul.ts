/**
 * Matrix product. Rows by the dozen go through the packed panels of panels.ts, block by block; few rows, as in decoding,
 * run along the rows of B, which are then read once and in order, at the speed of memory.
 */
import type { Kernels } from "../backend.ts";
import { f32x4, i32, select, v128 } from "./assembler.ts";
import type { I32, V128 } from "./assembler.ts";
import { acrossLanes, element } from "./kernel.ts";
import type { Assembly, KernelCall } from "./kernel.ts";
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
export function matmulKernels(assembly: Assembly, panels: Panels): Pick<Kernels, "matmul"> {
  const pack = packKernel(assembly, panels);
  const multiply = multiplyKernel(assembly, panels);
  const few = Array.from({ length: FEW_ROWS }, (_, i) => fewRowsKernel(assembly, i + 1));
  const { memory } = assembly;
  return {
    matmul(out, a, b, _batch, m, k, n, transposeA, transposeB, begin, end) {
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
        if (m <= FEW_ROWS && transposeA === 0 && transposeB === 1) few[rows - 1](fewRowsCall(product));
        else multiplyBlocks(product, assembly, panels.MR, pack, multiply);
        row += rows;
      }
      if (home !== out) out.set(home, begin * n);
      memory.giveBack(mark);
    },
  };
}

/** An array of the memory with the same numbers, so that the blocks of a product need not be staged one by one. */
function bring({ memory }: Assembly, array: Float32Array): Float32Array {
  if (memory.holds(array)) return array;
  const home = memory.lend(array.length);
  home.set(array);
  return home;
}

type KernelFunction = (call: KernelCall) => void;

function multiplyBlocks(
  product: Product,
  { memory }: Assembly,
  MR: number,
  pack: KernelFunction,
  multiply: KernelFunction,
): void {
  const { out, outStart, a, aStart, rowStride, stepStride, b, bStart, rows, k, n, transposeB } = product;
  const count = Math.ceil(rows / MR);
  const columnTasks = Math.ceil(n / TASK_COLUMNS);
  const rowTasks = columnTasks >= ENOUGH_TASKS ? 1 : Math.ceil(rows / TASK_ROWS);
  const taskPanels = Math.ceil(count / rowTasks);
  for (let p = 0; p === 0 || p < k; p += BLOCK_DEPTH) {
    const depth = Math.min(BLOCK_DEPTH, k - p);
    const mark = memory.mark();
    const left = memory.lend(count * MR * depth);
    pack({
      outputs: [left],
      inputs: [a],
      sizes: [aStart + p * stepStride, rowStride, stepStride, rows, depth],
      begin: 0,
      end: count,
      items: count,
      cost: MR * depth,
    });
    const tasks = Math.ceil(count / taskPanels) * columnTasks;
    multiply({
      outputs: [out],
      inputs: [left, b],
      sizes: [
        outStart,
        bStart + (transposeB === 1 ? p : p * n),
        transposeB === 1 ? k : n,
        transposeB,
        rows,
        depth,
        n,
        taskPanels,
        columnTasks,
        p > 0 ? 1 : 0,
      ],
      begin: 0,
      end: tasks,
      items: Infinity,
      cost: taskPanels * MR * Math.min(n, TASK_COLUMNS) * depth,
      scratchBytes: TILE_BYTES + 4 * TASK_COLUMNS * depth,
    });
    memory.giveBack(mark);
  }
}

/** Packs left panels; begin, end over panels. */
function packKernel(assembly: Assembly, { MR, packLeftRows, packLeftColumns }: Panels): KernelFunction {
  return assembly.kernel(
    "packLeft",
    { outputs: ["left"], inputs: ["a"], sizes: ["start", "rowStride", "stepStride", "rows", "depth"] },
    (f, { left, a, start, rowStride, stepStride, rows, depth, begin, end }) => {
      const first = f.let(i32.mul(begin, i32.const(MR)));
      const to = f.let(element(left, i32.mul(first, depth)));
      const from = f.let(element(a, i32.add(start, i32.mul(first, rowStride))));
      const lines = f.local("i32");
      f.for(begin, end, 1, () => {
        f.set(lines, atMost(i32.sub(rows, first), i32.const(MR)));
        f.if(
          i32.eq(stepStride, i32.const(1)),
          () => f.do(packLeftRows(to, from, bytes(rowStride), lines, depth)),
          () => f.do(packLeftColumns(to, from, bytes(stepStride), lines, depth)),
        );
        f.increase(first, MR);
        f.increase(to, i32.mul(depth, i32.const(4 * MR)));
        f.increase(from, i32.mul(rowStride, i32.const(4 * MR)));
      });
    },
  );
}

/**
 * Multiplies packed A with blocks of B; begin, end over tasks, row of tasks by row of tasks. A task packs its block of B into
 * the scratch of its thread.
 */
function multiplyKernel(assembly: Assembly, { MR, packRightRows, packRightColumns, multiply }: Panels): KernelFunction {
  return assembly.kernel(
    "multiply",
    {
      outputs: ["out"],
      inputs: ["left", "b"],
      // prettier-ignore
      sizes: ["outStart", "bStart", "bStride", "transposeB", "rows", "depth", "n", "taskPanels", "columnTasks", "accumulate"],
    },
    (
      f,
      {
        out,
        left,
        b,
        outStart,
        bStart,
        bStride,
        transposeB,
        rows,
        depth,
        n,
        taskPanels,
        columnTasks,
        accumulate,
        scratch,
        begin,
        end,
      },
    ) => {
      const taskRows = f.let(i32.mul(taskPanels, i32.const(MR)));
      const [row, column, columns, j, lines, to, from] = Array.from({ length: 7 }, () => f.local("i32"));
      const panelBytes = f.let(i32.mul(depth, i32.const(4 * NR)));
      const packed = f.let(i32.add(scratch, i32.const(TILE_BYTES)));
      f.for(begin, end, 1, () => {
        f.set(row, i32.mul(i32.div_u(begin, columnTasks), taskRows));
        f.set(column, i32.mul(i32.rem_u(begin, columnTasks), i32.const(TASK_COLUMNS)));
        f.set(columns, atMost(i32.sub(n, column), i32.const(TASK_COLUMNS)));
        f.set(to, packed);
        f.set(j, i32.const(0));
        f.for(j, columns, NR, () => {
          f.set(lines, atMost(i32.sub(columns, j), i32.const(NR)));
          f.set(from, i32.add(column, j));
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

/** The smaller of two unsigned integers, computed without a branch. */
function atMost(a: I32, b: I32): I32 {
  return select(i32.lt_u(a, b), a, b);
}

const bytes = (elements: I32): I32 => i32.shl(elements, i32.const(2));

function fewRowsCall({ out, outStart, a, aStart, b, bStart, rows, k, n }: Product): KernelCall {
  return {
    outputs: [out],
    inputs: [a, b],
    sizes: [outStart, aStart, bStart, k, n],
    begin: 0,
    end: n,
    items: Infinity,
    cost: rows * k,
  };
}

/**
 * out [rows, n] = A [rows, k] · Bᵀ with B [n, k], for a fixed small number of rows; begin, end over n. One row of B is read
 * against all rows of A: a single stream through memory, which reaches 97 % of the bandwidth of plain reading; two rows at a time
 * reach a third of it (2-core AMD EPYC). Eight sums of four lanes hide the latency of the additions.
 */
function fewRowsKernel(assembly: Assembly, rows: number): KernelFunction {
  const { madd } = assembly.arithmetic;
  const unroll = Math.max(2, 8 / rows) | 0;
  return assembly.kernel(
    `matmul${rows}`,
    { outputs: ["out"], inputs: ["a", "b"], sizes: ["outStart", "aStart", "bStart", "k", "n"] },
    (f, { out, a, b, outStart, aStart, bStart, k, n, begin, end }) => {
      const sums = Array.from({ length: rows }, () => Array.from({ length: unroll }, () => f.local("v128")));
      const starts = Array.from({ length: rows }, (_, r) =>
        f.let(element(a, i32.add(aStart, i32.mul(k, i32.const(r))))),
      );
      const vectors = starts.map(() => f.local("i32"));
      const left = f.local("i32");
      const four = f.local("v128");
      const from = f.let(element(b, i32.add(bStart, i32.mul(begin, k))));
      f.for(begin, end, 1, () => {
        for (const sum of sums.flat()) f.set(sum, f32x4.const(0));
        vectors.forEach((vector, r) => f.set(vector, starts[r]));
        f.set(left, k);
        const dot = (width: number, load: typeof v128.load): void =>
          f.while(i32.ge_u(left, i32.const(width)), () => {
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
          f.do(v128.store32_lane(element(out, i32.add(i32.add(outStart, begin), i32.mul(n, i32.const(r)))), total, 0));
        });
      });
    },
  );
}
