/** Kernels that only move numbers: repeat, transpose, copy, gather, scatter; see loops/layout.ts. */
import type { Kernels } from "../backend.ts";
import { f32x4, i32, i32x4, select, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { eachBlock, eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import type { ModuleFunction } from "./module.ts";

/** copy(to, toStride, from, fromStride, runs, length): moves runs of `length` floats; strides are in bytes. */
type Copy = ModuleFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32"]>;

/** Adds layout kernels to the module. */
export function layoutKernels(
  assembly: Assembly,
): Pick<Kernels, "expand" | "transpose" | "copyRuns" | "gather" | "scatterAdd"> {
  const copy: Copy = assembly.function(
    ["i32", "i32", "i32", "i32", "i32", "i32"],
    (f, to, toStride, from, fromStride, runs, length) =>
      f.while(runs, () => {
        const target = f.let(to);
        const source = f.let(from);
        eachBlock(f, f.let(length), [target, source], 4, ({ load, store }, offsets) =>
          offsets.forEach((offset) => f.do(store(target, load(source, offset), offset))),
        );
        f.increase(to, toStride);
        f.increase(from, fromStride);
        f.increase(runs, -1);
      }),
  );
  return {
    expand: expand(assembly, copy),
    transpose: transpose(assembly, copy),
    copyRuns: copyRuns(assembly, copy),
    gather: gather(assembly, copy),
    scatterAdd: scatterAdd(assembly),
  };
}

/** The bytes of `count` floats. */
const bytes = (count: I32): I32 => i32.shl(count, i32.const(2));

/** Sets `count` floats to the lanes of `value`; `to` and `count` are used up. */
function fill(f: FunctionBody, to: Local<"i32">, count: Local<"i32">, value: V128): void {
  eachBlock(f, count, [to], 4, ({ store }, offsets) => offsets.forEach((offset) => f.do(store(to, value, offset))));
}

function expand(assembly: Assembly, copy: Copy): Kernels["expand"] {
  const kernel = assembly.kernel(
    "expand",
    { outputs: ["out"], inputs: ["x"], sizes: ["repeat", "inner"] },
    (f, { out, x, repeat, inner, begin, end }) => {
      const width = f.let(i32.mul(repeat, inner));
      const to = f.let(element(out, i32.mul(begin, width)));
      const from = f.let(element(x, i32.mul(begin, inner)));
      const row = f.let(begin);
      f.if(
        i32.eq(inner, i32.const(1)),
        () =>
          f.for(row, end, 1, () => {
            fill(f, to, f.let(repeat), f.let(v128.load32_splat(from)));
            f.increase(from, 4);
          }),
        () => {
          const length = f.let(bytes(inner));
          f.for(row, end, 1, () => {
            f.do(copy(to, length, from, i32.const(0), repeat, inner));
            f.set(to, element(to, width));
            f.increase(from, length);
          });
        },
      );
    },
  );
  return (out, x, outer, repeat, inner, begin, end) =>
    kernel({ outputs: [out], inputs: [x], sizes: [repeat, inner], begin, end, items: outer, cost: repeat * inner });
}

function copyRuns(assembly: Assembly, copy: Copy): Kernels["copyRuns"] {
  const kernel = assembly.kernel(
    "copyRuns",
    { outputs: ["out"], inputs: ["x"], sizes: ["length", "outStride", "outStart", "xStride", "xStart"] },
    (f, { out, x, length, outStride, outStart, xStride, xStart, begin, end }) => {
      const to = element(out, i32.add(i32.mul(begin, outStride), outStart));
      const from = element(x, i32.add(i32.mul(begin, xStride), xStart));
      f.do(copy(to, bytes(outStride), from, bytes(xStride), i32.sub(end, begin), length));
    },
  );
  return (out, x, length, outStride, outStart, xStride, xStart, begin, end) =>
    kernel({
      outputs: [out],
      inputs: [x],
      sizes: [length, outStride, outStart, xStride, xStart],
      begin,
      end,
      items: Infinity,
      cost: length,
    });
}

function gather(assembly: Assembly, copy: Copy): Kernels["gather"] {
  const kernel = assembly.kernel(
    "gather",
    { outputs: ["out"], inputs: ["table", "ids"], sizes: ["cols"] },
    (f, { out, table, ids, cols, begin, end }) => {
      const i = f.let(begin);
      f.for(i, end, 1, () => {
        const row = element(table, i32.mul(i32.load(element(ids, i)), cols));
        f.do(copy(element(out, i32.mul(i, cols)), i32.const(0), row, i32.const(0), i32.const(1), cols));
      });
    },
  );
  return (out, table, ids, count, cols, begin, end) =>
    kernel({ outputs: [out], inputs: [table, ids], sizes: [cols], begin, end, items: count, cost: cols });
}

function scatterAdd(assembly: Assembly): Kernels["scatterAdd"] {
  const kernel = assembly.kernel(
    "scatterAdd",
    { outputs: ["gradTable"], inputs: ["gradOut", "ids"], sizes: ["count", "cols"] },
    (f, { gradTable, gradOut, ids, count, cols, begin, end }) => {
      const to = f.let(element(gradTable, i32.mul(begin, cols)));
      const range = f.let(i32.sub(end, begin));
      const left = f.let(i32.mul(range, cols));
      fill(f, to, left, f32x4.const(0));
      const from = f.let(gradOut);
      const i = f.let(i32.const(0));
      f.for(i, count, 1, () => {
        const id = f.let(i32.load(element(ids, i)));
        f.if(
          // Unsigned: an id before the range becomes a great number.
          i32.lt_u(i32.sub(id, begin), range),
          () => {
            f.set(to, element(gradTable, i32.mul(id, cols)));
            f.set(left, cols);
            eachElement(f, left, [to, from], ({ load, store }) => f.do(store(to, f32x4.add(load(to), load(from)))));
          },
          () => f.set(from, element(from, cols)),
        );
      });
    },
  );
  return (gradTable, gradOut, ids, count, tableRows, cols, begin, end) =>
    kernel({
      outputs: [gradTable],
      inputs: [gradOut, ids],
      sizes: [count, cols],
      begin,
      end,
      items: tableRows,
      cost: cols * (1 + count / tableRows),
    });
}

/** Columns that are turned together, so that each cache line of x is used whole while it is at hand. */
const STRIP = 16;

function transpose(assembly: Assembly, copy: Copy): Kernels["transpose"] {
  const kernel = assembly.kernel(
    "transpose",
    { outputs: ["out"], inputs: ["x"], sizes: ["rows", "middle", "cols", "inner"] },
    (f, { out, x, rows, middle, cols, inner, begin, end }) => {
      // From one row to the next in x, and from one column to the next in out.
      const xStride = f.let(bytes(i32.mul(i32.mul(middle, cols), inner)));
      const outStride = f.let(bytes(i32.mul(i32.mul(middle, rows), inner)));
      const index = f.let(begin);
      const to = f.let(i32.add(out, i32.mul(begin, outStride)));
      f.while(i32.lt_u(index, end), () => {
        // A strip of columns of one matrix.
        const column = f.let(i32.rem_u(index, cols));
        const count = f.let(i32.const(STRIP));
        for (const limit of [i32.sub(end, index), i32.sub(cols, column)])
          f.set(count, select(i32.lt_u(count, limit), count, limit));
        const start = i32.mul(i32.mul(i32.sub(index, column), rows), i32.mul(middle, inner));
        const from = f.let(element(x, i32.add(start, i32.mul(column, inner))));
        const next = f.let(i32.add(to, i32.mul(count, outStride)));
        f.increase(index, count);
        const mid = f.let(middle);
        f.while(mid, () => {
          f.if(
            i32.eq(inner, i32.const(1)),
            () => turnStrip(f, to, from, { rows, count, outStride, xStride }),
            () => {
              const target = f.let(to);
              const source = f.let(from);
              const left = f.let(rows);
              f.while(left, () => {
                f.do(copy(target, outStride, source, bytes(inner), count, inner));
                f.set(target, element(target, inner));
                f.increase(source, xStride);
                f.increase(left, -1);
              });
            },
          );
          f.set(to, element(to, i32.mul(rows, inner)));
          f.set(from, element(from, i32.mul(cols, inner)));
          f.increase(mid, -1);
        });
        f.set(to, next);
      });
    },
  );
  return (out, x, outer, rows, middle, cols, inner, begin, end) =>
    kernel({
      outputs: [out],
      inputs: [x],
      sizes: [rows, middle, cols, inner],
      begin,
      end,
      items: outer * cols,
      cost: middle * rows * inner,
    });
}

/** What a strip of columns looks like; strides are in bytes. */
type Strip = Readonly<Record<"rows" | "count" | "outStride" | "xStride", I32>>;

/** out[c][r] = x[r][c] for `count` neighbouring columns c. */
function turnStrip(f: FunctionBody, out: I32, x: I32, { rows, count, outStride, xStride }: Strip): void {
  const target = f.let(out);
  const source = f.let(x);
  const left = f.let(rows);
  const to = f.local("i32");
  const from = f.local("i32");
  const columns = f.local("i32");
  // Goes along the next `height` rows, `width` columns at a time, as far as they reach.
  const along = (height: number, width: number): void =>
    f.while(i32.ge_u(columns, i32.const(width)), () => {
      if (width === 4) turnBlock(f, to, from, outStride, xStride);
      else
        for (let row = 0; row < height; row++)
          f.do(i32.store(to, i32.load(i32.add(from, i32.mul(xStride, i32.const(row)))), 4 * row));
      f.increase(from, 4 * width);
      f.increase(to, i32.mul(outStride, i32.const(width)));
      f.increase(columns, -width);
    });
  const down = (height: number, widths: readonly number[]): void =>
    f.while(i32.ge_u(left, i32.const(height)), () => {
      f.set(to, target);
      f.set(from, source);
      f.set(columns, count);
      for (const width of widths) along(height, width);
      f.increase(target, 4 * height);
      f.increase(source, i32.mul(xStride, i32.const(height)));
      f.increase(left, -height);
    });
  down(4, [4, 1]);
  down(1, [1]);
}

/** Turns 4 × 4 numbers: pairs of rows are interleaved, then pairs of pairs. */
function turnBlock(f: FunctionBody, out: I32, x: I32, outStride: I32, xStride: I32): void {
  const at = (start: I32, stride: I32): Local<"i32">[] => {
    const places = [f.let(start)];
    for (let i = 1; i < 4; i++) places.push(f.let(i32.add(places[i - 1], stride)));
    return places;
  };
  const [a, b, c, d] = at(x, xStride).map((row) => f.let(v128.load(row)));
  const low = f.let(i32x4.shuffle(a, b, 0, 4, 1, 5));
  const high = f.let(i32x4.shuffle(a, b, 2, 6, 3, 7));
  const low2 = f.let(i32x4.shuffle(c, d, 0, 4, 1, 5));
  const high2 = f.let(i32x4.shuffle(c, d, 2, 6, 3, 7));
  const [first, second, third, fourth] = at(out, outStride);
  f.do(
    v128.store(first, i32x4.shuffle(low, low2, 0, 1, 4, 5)),
    v128.store(second, i32x4.shuffle(low, low2, 2, 3, 6, 7)),
    v128.store(third, i32x4.shuffle(high, high2, 0, 1, 4, 5)),
    v128.store(fourth, i32x4.shuffle(high, high2, 2, 3, 6, 7)),
  );
}
