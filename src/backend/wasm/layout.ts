/** Kernels that only move numbers: repeat, transpose, copy, gather, scatter; see loops/layout.ts. */
import { f32x4, i32, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, element, mapElements } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import type { ModuleFunction } from "./module.ts";
import { transpose4 } from "./panels.ts";

/** copy(to, toStride, from, fromStride, runs, length): moves runs of `length` floats; strides are in bytes. */
type Copy = ModuleFunction<readonly ["i32", "i32", "i32", "i32", "i32", "i32"]>;

/** Adds layout kernels to the module. */
export function addLayout(assembly: Assembly): void {
  const copy: Copy = assembly.inner(
    ["i32", "i32", "i32", "i32", "i32", "i32"],
    (f, to, toStride, from, fromStride, runs, length) =>
      f.while(runs, () => {
        mapElements(f, length, to, [from], (value) => value, 4);
        f.increase(to, toStride);
        f.increase(from, fromStride);
        f.increase(runs, -1);
      }),
  );
  addExpand(assembly, copy);
  addTranspose(assembly, copy);
  addScatter(assembly);
  assembly.kernel(
    "copyRuns",
    { outputs: 1, inputs: 1, sizes: 5 },
    (length) => [0, length], // without numbers of its own, an item leaves others between
    (f, out, x, length, outStride, outStart, xStride, xStart, begin, end) => {
      const to = element(out, i32.add(i32.mul(begin, outStride), outStart));
      const from = element(x, i32.add(i32.mul(begin, xStride), xStart));
      f.do(copy(to, bytes(outStride), from, bytes(xStride), i32.sub(end, begin), length));
    },
  );
  assembly.kernel(
    "gather",
    { outputs: 1, inputs: 2, sizes: 2 },
    (_count, cols) => [cols, cols],
    (f, out, table, ids, _count, cols, begin, end) => {
      f.for(begin, end, 1, (i) => {
        const row = element(table, i32.mul(i32.load(element(ids, i)), cols));
        f.do(copy(element(out, i32.mul(i, cols)), 0, row, 0, 1, cols));
      });
    },
  );
}

/** Sets `count` floats to the lanes of `value`. */
function fill(f: FunctionBody, to: I32, count: I32, value: V128): void {
  mapElements(f, count, to, [], () => value, 4);
}

function addExpand(assembly: Assembly, copy: Copy): void {
  assembly.kernel(
    "expand",
    { outputs: 1, inputs: 1, sizes: 3 },
    (_outer, repeat, inner) => [repeat * inner, repeat * inner],
    (f, out, x, _outer, repeat, inner, begin, end) => {
      const width = f.let(i32.mul(repeat, inner));
      const to = f.let(element(out, i32.mul(begin, width)));
      const from = f.let(element(x, i32.mul(begin, inner)));
      const length = f.let(bytes(inner));
      f.for(begin, end, 1, () => {
        f.if(
          i32.eq(inner, 1),
          () => fill(f, to, repeat, f.let(v128.load32_splat(from))),
          () => f.do(copy(to, length, from, 0, repeat, inner)),
        );
        f.set(to, element(to, width));
        f.increase(from, length);
      });
    },
  );
}

function addScatter(assembly: Assembly): void {
  assembly.kernel(
    "scatterAdd",
    { outputs: 1, inputs: 2, sizes: 3 },
    (count, tableRows, cols) => [cols, cols * (1 + count / tableRows)],
    (f, gradTable, gradOut, ids, count, _tableRows, cols, begin, end) => {
      const range = f.let(i32.sub(end, begin));
      fill(f, element(gradTable, i32.mul(begin, cols)), i32.mul(range, cols), f32x4.const(0));
      const from = f.let(gradOut);
      f.for(0, count, 1, (i) => {
        const id = f.let(i32.load(element(ids, i)));
        // Unsigned: an id before the range becomes a great number.
        f.if(i32.lt_u(i32.sub(id, begin), range), () => {
          const to = f.let(element(gradTable, i32.mul(id, cols)));
          mapElements(f, cols, to, [to, from], f32x4.add);
        });
        f.set(from, element(from, cols));
      });
    },
  );
}

/** Columns that are turned together, so that each cache line of x is used whole while it is at hand. */
const STRIP = 16;

function addTranspose(assembly: Assembly, copy: Copy): void {
  assembly.kernel(
    "transpose",
    { outputs: 1, inputs: 1, sizes: 5 },
    (_outer, rows, middle, _cols, inner) => [middle * rows * inner, middle * rows * inner],
    (f, out, x, _outer, rows, middle, cols, inner, begin, end) => {
      // From one row to the next in x, and from one column to the next in out.
      const xStride = f.let(bytes(i32.mul(i32.mul(middle, cols), inner)));
      const outStride = f.let(bytes(i32.mul(i32.mul(middle, rows), inner)));
      const index = f.let(begin);
      const to = f.let(i32.add(out, i32.mul(begin, outStride)));
      f.while(i32.lt_u(index, end), () => {
        // A strip of columns of one matrix.
        const column = f.let(i32.rem_u(index, cols));
        const count = f.let(i32.const(STRIP));
        for (const limit of [i32.sub(end, index), i32.sub(cols, column)]) f.set(count, atMost(count, limit));
        const start = i32.mul(i32.mul(i32.sub(index, column), rows), i32.mul(middle, inner));
        const from = f.let(element(x, i32.add(start, i32.mul(column, inner))));
        const next = f.let(i32.add(to, i32.mul(count, outStride)));
        f.increase(index, count);
        const mid = f.let(middle);
        f.while(mid, () => {
          f.if(
            i32.eq(inner, 1),
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
    f.while(i32.ge_u(columns, width), () => {
      if (width === 4) turnBlock(f, to, from, outStride, xStride);
      else
        for (let row = 0; row < height; row++)
          f.do(i32.store(to, i32.load(i32.add(from, i32.mul(xStride, row))), 4 * row));
      f.increase(from, 4 * width);
      f.increase(to, i32.mul(outStride, width));
      f.increase(columns, -width);
    });
  const down = (height: number, widths: readonly number[]): void =>
    f.while(i32.ge_u(left, height), () => {
      f.set(to, target);
      f.set(from, source);
      f.set(columns, count);
      for (const width of widths) along(height, width);
      f.increase(target, 4 * height);
      f.increase(source, i32.mul(xStride, height));
      f.increase(left, -height);
    });
  down(4, [4, 1]);
  down(1, [1]);
}

/** Turns 4 × 4 numbers. */
function turnBlock(f: FunctionBody, out: I32, x: I32, outStride: I32, xStride: I32): void {
  const at = (start: I32, stride: I32): Local<"i32">[] => {
    const places = [f.let(start)];
    for (let i = 1; i < 4; i++) places.push(f.let(i32.add(places[i - 1], stride)));
    return places;
  };
  const turned = transpose4(
    f,
    at(x, xStride).map((row) => v128.load(row)),
  );
  at(out, outStride).forEach((row, i) => f.do(v128.store(row, turned[i])));
}
