/**
 * The block product beneath `matmul` and attention: operands are packed into panels, so that the inner loop reads memory in
 * order and without strides, and a tile of the result stays in registers while both are run through (Goto and van de
 * Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
 *
 *     left   [rows / MR][depth][MR]      right   [columns / NR][depth][NR]
 *
 * Missing lines of the last panel are zeros. Every result is one chain of additions in the order of depth, whatever its place
 * in a tile: tiles do not show in the bits.
 */
import { f32, f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import type { Assembly } from "./kernel.ts";
import type { ModuleFunction } from "./module.ts";

/** Columns of a tile: two vectors. */
export const NR = 8;
/**
 * Rows of a tile. Sums, operands and a product must fit into the 15 vector registers that V8 hands out: with separate
 * products 5 × 2 sums + 2 + 1 + 1 do, with fused ones 6 × 2 + 2 + 1. GFLOP/s of the inner loop alone (2-core AMD EPYC): separate (Node 20)
 * 4 × 8 45.6, 5 × 8 47.6, 6 × 8 28.9, 3 × 12 41.9; fused (Node 24) 4 × 8 50.4, 5 × 8 51.5, 6 × 8 54.2, 3 × 12 49.6. Two steps of
 * depth at a time cost a third on Node 20 and change nothing on Node 24.
 */
export const tileRows = (relaxed: boolean): number => (relaxed ? 6 : 5);

/** Packs one panel: (target, source, stride in bytes, number of lines that exist, depth). */
export type PackPanel = ModuleFunction<["i32", "i32", "i32", "i32", "i32"]>;

/** The functions that others call. */
export interface Panels {
  /** Rows of a left panel. */
  readonly MR: number;
  /** Panels from lines that are contiguous in depth; line l begins at source + l · stride. */
  packLeftRows: PackPanel;
  packRightRows: PackPanel;
  /** Panels from lines that lie side by side; step p of all lines begins at source + p · stride. */
  packLeftColumns: PackPanel;
  packRightColumns: PackPanel;
  /**
   * out [rows, columns] (+)= left · right: (out, bytes between its rows, left, right, depth, rows, columns, whether to add to
   * what is there, scratch of TILE_BYTES).
   */
  multiply: ModuleFunction<["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;
}

/** Adds the functions to the module. */
export function addPanels(assembly: Assembly): Panels {
  const MR = tileRows(assembly.arithmetic.relaxed);
  return {
    MR,
    packLeftRows: packRows(assembly, MR),
    packRightRows: packRows(assembly, NR),
    packLeftColumns: packColumns(assembly, MR),
    packRightColumns: packColumns(assembly, NR),
    multiply: multiply(assembly, MR),
  };
}

function packRows(assembly: Assembly, width: number): PackPanel {
  return assembly.inner(["i32", "i32", "i32", "i32", "i32"], (f, target, source, stride, lines, depth) => {
    const to = f.let(target);
    const left = f.let(depth);
    const lanes = width - (width % 4);
    f.if(i32.eq(lines, width), () => {
      const from = Array.from({ length: width }, (_, line) => f.let(i32.add(source, i32.mul(stride, line))));
      f.while(i32.ge_u(left, 4), () => {
        for (let line = 0; line < lanes; line += 4) {
          const columns = transpose4(
            f,
            from.slice(line, line + 4).map((row) => v128.load(row)),
          );
          columns.forEach((column, step) => f.do(v128.store(to, column, 4 * (step * width + line))));
        }
        for (let line = lanes; line < width; line++) {
          const four = f.let(v128.load(from[line]));
          for (let step = 0; step < 4; step++) f.do(v128.store32_lane(to, four, step, 4 * (step * width + line)));
        }
        for (const row of from) f.increase(row, 16);
        f.increase(to, 16 * width);
        f.increase(left, -4);
      });
      f.set(source, from[0]);
    });
    singleSteps(f, { to, source, step: i32.const(4), line: stride, lines, left, width });
  });
}

function packColumns(assembly: Assembly, width: number): PackPanel {
  return assembly.inner(["i32", "i32", "i32", "i32", "i32"], (f, target, source, stride, lines, depth) => {
    const to = f.let(target);
    const left = f.let(depth);
    f.if(i32.eq(lines, width), () =>
      f.while(left, () => {
        for (let line = 0; line + 4 <= width; line += 4) f.do(v128.store(to, v128.load(source, 4 * line), 4 * line));
        for (let line = width - (width % 4); line < width; line++)
          f.do(f32.store(to, f32.load(source, 4 * line), 4 * line));
        f.increase(source, stride);
        f.increase(to, 4 * width);
        f.increase(left, -1);
      }),
    );
    singleSteps(f, { to, source, step: stride, line: i32.const(4), lines, left, width });
  });
}

/** Packs step by step what is `left`, with zeros for lines that do not exist. */
function singleSteps(
  f: FunctionBody,
  {
    to,
    source,
    step,
    line,
    lines,
    left,
    width,
  }: {
    to: Local<"i32">;
    source: Local<"i32">;
    step: I32;
    line: I32;
    lines: I32;
    left: Local<"i32">;
    width: number;
  },
): void {
  const from = f.local("i32");
  f.while(left, () => {
    f.set(from, source);
    for (let i = 0; i < width; i++) {
      f.if(
        i32.gt_u(lines, i),
        () => f.do(f32.store(to, f32.load(from), 4 * i)),
        () => f.do(f32.store(to, 0, 4 * i)),
      );
      f.increase(from, line);
    }
    f.increase(source, step);
    f.increase(to, 4 * width);
    f.increase(left, -1);
  });
}

/** Four rows of four to four columns: pairs of rows are interleaved, then pairs of pairs. */
export function transpose4(f: FunctionBody, rows: readonly V128[]): V128[] {
  const [a, b, c, d] = rows.map((row) => f.let(row));
  const [ab, abHigh, cd, cdHigh] = [
    i32x4.shuffle(a, b, 0, 4, 1, 5),
    i32x4.shuffle(a, b, 2, 6, 3, 7),
    i32x4.shuffle(c, d, 0, 4, 1, 5),
    i32x4.shuffle(c, d, 2, 6, 3, 7),
  ].map((pairs) => f.let(pairs));
  return [
    i32x4.shuffle(ab, cd, 0, 1, 4, 5),
    i32x4.shuffle(ab, cd, 2, 3, 6, 7),
    i32x4.shuffle(abHigh, cdHigh, 0, 1, 4, 5),
    i32x4.shuffle(abHigh, cdHigh, 2, 3, 6, 7),
  ];
}

/** Bytes of `scratch` that `multiply` needs. */
export const TILE_BYTES: number = 4 * 6 * NR;

/**
 * A whole tile of sums: (out, bytes between its rows, left panel, right panel, depth). Nothing else may happen in this function:
 * with one branch or one addition to the stored result more, the compiler of Node 20 keeps sums in memory, at half the speed.
 */
function tile(assembly: Assembly, MR: number): ModuleFunction<["i32", "i32", "i32", "i32", "i32"]> {
  const { madd } = assembly.arithmetic;
  return assembly.inner(["i32", "i32", "i32", "i32", "i32"], (f, out, stride, a, b, depth) => {
    const sums = Array.from({ length: 2 * MR }, () => f.let(f32x4.const(0)));
    const [low, high, factor] = [f.local("v128"), f.local("v128"), f.local("v128")];
    f.while(depth, () => {
      f.set(low, v128.load(b));
      f.set(high, v128.load(b, 16));
      for (let i = 0; i < MR; i++) {
        f.set(factor, v128.load32_splat(a, 4 * i));
        f.set(sums[2 * i], madd(factor, low, sums[2 * i]));
        f.set(sums[2 * i + 1], madd(factor, high, sums[2 * i + 1]));
      }
      f.increase(a, 4 * MR);
      f.increase(b, 4 * NR);
      f.increase(depth, -1);
    });
    sums.forEach((sum, i) => {
      f.do(v128.store(out, sum, 16 * (i & 1)));
      if (i & 1) f.increase(out, stride);
    });
  });
}

function multiply(assembly: Assembly, MR: number): Panels["multiply"] {
  const compute = tile(assembly, MR);
  return assembly.inner(
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    (f, out, stride, left, right, depth, rows, columns, accumulate, scratch) => {
      const [a, to, rowsLeft] = [f.local("i32"), f.local("i32"), f.local("i32")];
      const leftBytes = f.let(i32.mul(depth, 4 * MR));
      const rightBytes = f.let(i32.mul(depth, 4 * NR));
      const tileStride = f.let(i32.mul(stride, MR));
      // A panel of the right stays in the first-level cache while all panels of the left, which are smaller, pass by.
      f.while(i32.gt_s(columns, 0), () => {
        f.set(a, left);
        f.set(to, out);
        f.set(rowsLeft, rows);
        f.while(i32.gt_s(rowsLeft, 0), () => {
          const whole = i32.and(i32.ge_s(rowsLeft, MR), i32.ge_s(columns, NR));
          f.if(
            i32.and(whole, i32.eqz(accumulate)),
            () => f.do(compute(to, stride, a, right, depth)),
            () => {
              f.do(compute(scratch, 4 * NR, a, right, depth));
              f.if(
                whole,
                () => addTile(f, { to, stride, scratch, MR }),
                () => copyPart(f, { to, stride, rows: rowsLeft, columns, accumulate, scratch, MR }),
              );
            },
          );
          f.increase(a, leftBytes);
          f.increase(to, tileStride);
          f.increase(rowsLeft, -MR);
        });
        f.increase(right, rightBytes);
        f.increase(out, 4 * NR);
        f.increase(columns, -NR);
      });
    },
  );
}

/** Adds the tile in `scratch` to the result. */
function addTile(
  f: FunctionBody,
  { to, stride, scratch, MR }: { to: I32; stride: I32; scratch: I32; MR: number },
): void {
  const row = f.let(to);
  for (let i = 0; i < 2 * MR; i++) {
    const offset = 16 * (i & 1);
    f.do(v128.store(row, f32x4.add(v128.load(row, offset), v128.load(scratch, 16 * i)), offset));
    if (i & 1) f.increase(row, stride);
  }
}

/** Stores, or adds, the rows and columns that exist of the tile in `scratch`. */
function copyPart(
  f: FunctionBody,
  parts: { to: I32; stride: I32; rows: I32; columns: I32; accumulate: I32; scratch: I32; MR: number },
): void {
  const { to, stride, rows, columns, accumulate, scratch, MR } = parts;
  const [row, i, j, target, source] = [f.let(to), f.let(i32.const(0)), f.local("i32"), f.local("i32"), f.local("i32")];
  f.while(i32.and(i32.lt_s(i, rows), i32.lt_u(i, MR)), () => {
    f.set(target, row);
    f.set(source, i32.add(scratch, i32.mul(i, 4 * NR)));
    f.set(j, 0);
    f.while(i32.and(i32.lt_s(j, columns), i32.lt_u(j, NR)), () => {
      f.if(
        accumulate,
        () => f.do(f32.store(target, f32.add(f32.load(target), f32.load(source)))),
        () => f.do(f32.store(target, f32.load(source))),
      );
      f.increase(target, 4);
      f.increase(source, 4);
      f.increase(j, 1);
    });
    f.increase(row, stride);
    f.increase(i, 1);
  });
}
