/** Sums and maxima along an axis, and their gradients; see loops/reduce.ts. Sums are kept in double precision. */
import { SUM_CHUNK } from "../backend.ts";
import { f32, f32x4, f64, f64x2, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { acrossLanes, atMost, eachBlock, eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";

/** Vectors of two doubles that are summed side by side: an addition takes several cycles until the next can follow. */
const CHAINS = 4;

/**
 * Σ over `count` neighbouring elements, in double precision.
 *
 * @param arrays where the elements begin
 * @param many how many sums there are
 * @param terms from two elements of every array, as doubles, to what is added to the sums
 */
export function doubleSums(
  f: FunctionBody,
  count: I32,
  arrays: readonly I32[],
  many: number,
  terms: (...values: V128[]) => V128[],
): Local<"f64">[] {
  const left = f.let(count);
  const pointers = arrays.map((array) => f.let(array));
  // The last set takes the elements that are left over, one by one: only its low lanes mean something.
  const sums = Array.from({ length: CHAINS + 1 }, () => Array.from({ length: many }, () => f.let(f64x2.const(0))));
  const step = (into: readonly Local<"v128">[], load: (pointer: I32) => V128): void =>
    terms(...pointers.map((pointer) => f.let(f64x2.promote_low_f32x4(load(pointer))))).forEach((term, i) =>
      f.set(into[i], f64x2.add(into[i], term)),
    );
  const stride = 2 * CHAINS;
  f.while(i32.ge_u(left, stride), () => {
    for (let chain = 0; chain < CHAINS; chain++) step(sums[chain], (pointer) => v128.load64_zero(pointer, 8 * chain));
    for (const pointer of pointers) f.increase(pointer, 4 * stride);
    f.increase(left, -stride);
  });
  f.while(left, () => {
    step(sums[CHAINS], v128.load32_zero);
    for (const pointer of pointers) f.increase(pointer, 4);
    f.increase(left, -1);
  });
  return Array.from({ length: many }, (_, i) => {
    const [first, second, third, fourth, rest] = sums.map((set) => set[i]);
    const total = f.let(f64x2.add(f64x2.add(first, second), f64x2.add(third, fourth)));
    const inPairs = f64.add(f64x2.extract_lane(total, 0), f64x2.extract_lane(total, 1));
    return f.let(f64.add(inPairs, f64x2.extract_lane(rest, 0)));
  });
}

/** Adds reductions to the module. */
export function addReductions(assembly: Assembly): void {
  const perOutput = (_outer: number, axis: number): [number, number] => [1, axis];
  assembly.kernel("sumAxis", { outputs: 1, inputs: 1, sizes: 3 }, perOutput, sumAxis);
  assembly.kernel("maxAxis", { outputs: 2, inputs: 1, sizes: 3 }, perOutput, maxAxis);
  assembly.kernel(
    "maxAxisBackward",
    { outputs: 1, inputs: 2, sizes: 3 },
    (_outer, axis) => [axis, axis],
    maxAxisBackward,
  );
  assembly.kernel(
    "sumSquares",
    { outputs: 1, inputs: 1, sizes: 1 },
    () => [1, SUM_CHUNK],
    (f, partials, x, size, begin, end) => {
      f.for(begin, end, 1, (chunk) => {
        const start = f.let(i32.mul(chunk, SUM_CHUNK));
        const count = atMost(i32.sub(size, start), SUM_CHUNK);
        const [total] = doubleSums(f, count, [element(x, start)], 1, (value) => [f64x2.mul(value, value)]);
        f.do(f64.store(i32.add(partials, i32.shl(chunk, 3)), total));
      });
    },
  );
}

/** The sizes and the range of a reduction of [outer, axis, inner] to [outer, inner]. */
type Range = Readonly<Record<"axis" | "inner" | "begin" | "end", I32>>;

/**
 * Runs `single` for each output where they have their axis contiguous (inner = 1), else `columns` for stretches of
 * neighbouring outputs.
 *
 * @param single gets the output's number
 * @param columns gets the first output's number, that of its first element in [outer, axis, inner], and how many outputs it is
 */
function eachOutput(
  f: FunctionBody,
  { axis, inner, begin, end }: Range,
  single: (output: Local<"i32">) => void,
  columns: (output: Local<"i32">, start: I32, count: Local<"i32">) => void,
): void {
  const output = f.let(begin);
  const count = f.local("i32");
  f.if(
    i32.eq(inner, 1),
    () => f.for(begin, end, 1, single),
    () =>
      f.while(i32.lt_u(output, end), () => {
        const column = f.let(i32.rem_u(output, inner));
        const row = f.let(i32.sub(inner, column));
        const left = f.let(i32.sub(end, output));
        f.set(count, atMost(row, left));
        const next = f.let(i32.add(output, count));
        columns(output, i32.add(i32.mul(i32.sub(output, column), axis), column), count);
        f.set(output, next);
      }),
  );
}

/** Runs `body` for 0 .. axis - 1 with a pointer that goes down a column from `top`. */
function downAxis(
  f: FunctionBody,
  { axis, inner }: Range,
  top: I32,
  body: (pointer: Local<"i32">, place: Local<"i32">) => void,
): void {
  const pointer = f.let(top);
  const stride = f.let(i32.shl(inner, 2));
  f.for(0, axis, 1, (place) => {
    body(pointer, place);
    f.increase(pointer, stride);
  });
}

function sumAxis(f: FunctionBody, out: I32, x: I32, _outer: I32, axis: I32, inner: I32, begin: I32, end: I32): void {
  const range = { axis, inner, begin, end };
  eachOutput(
    f,
    range,
    (output) => {
      const row = element(x, i32.mul(output, axis));
      const [total] = doubleSums(f, axis, [row], 1, (value) => [value]);
      f.do(f32.store(element(out, output), f32.demote_f64(total)));
    },
    (output, start, count) => {
      const to = f.let(element(out, output));
      const from = f.let(element(x, start));
      // 16 columns: a cache line of each row.
      eachBlock(f, count, [to, from], 4, (lanes, offsets) => {
        const loads = lanes.width === 4 ? [0, 8] : [0];
        const load = lanes.width === 4 ? v128.load64_zero : v128.load32_zero;
        const sums = offsets.map((offset) => loads.map((half) => ({ at: offset + half, sum: f.let(f64x2.const(0)) })));
        downAxis(f, range, from, (pointer) => {
          for (const { at, sum } of sums.flat()) f.set(sum, f64x2.add(sum, f64x2.promote_low_f32x4(load(pointer, at))));
        });
        sums.forEach(([low, high], i) => {
          const half = ({ sum }: { sum: V128 }): V128 => f32x4.demote_f64x2_zero(sum);
          const value = high === undefined ? half(low) : i32x4.shuffle(half(low), half(high), 0, 1, 4, 5);
          f.do(lanes.store(to, value, offsets[i]));
        });
      });
    },
  );
}

function maxAxis(
  f: FunctionBody,
  out: I32,
  indices: I32,
  x: I32,
  _outer: I32,
  axis: I32,
  inner: I32,
  begin: I32,
  end: I32,
): void {
  const range = { axis, inner, begin, end };
  eachOutput(
    f,
    range,
    (output) => {
      const row = f.let(element(x, i32.mul(output, axis)));
      const place = f.let(placeOfGreatest(f, row, axis));
      f.do(v128.store32_lane(element(out, output), v128.load32_zero(place), 0));
      f.do(i32.store(element(indices, output), i32.shr_u(i32.sub(place, row), 2)));
    },
    (output, start, count) => {
      const to = f.let(element(out, output));
      const index = f.let(element(indices, output));
      const from = f.let(element(x, start));
      eachBlock(f, count, [to, index, from], 2, (lanes, offsets) => {
        const columns = offsets.map((offset) => ({
          offset,
          best: f.let(lanes.load(from, offset)),
          where: f.let(i32x4.const(0)),
        }));
        downAxis(f, range, from, (pointer, place) => {
          const here = f.let(i32x4.splat(place));
          for (const { offset, best, where } of columns) {
            const value = f.let(lanes.load(pointer, offset));
            // Not (best >= value): greater, or one of them NaN; and only while the best is a number, which equals itself.
            const better = f.let(v128.andnot(f32x4.eq(best, best), f32x4.ge(best, value)));
            f.set(best, v128.bitselect(value, best, better));
            f.set(where, v128.bitselect(here, where, better));
          }
        });
        for (const { offset, best, where } of columns)
          f.do(lanes.store(to, best, offset), lanes.store(index, where, offset));
      });
    },
  );
}

/** The address of the greatest of `count` > 0 neighbouring elements, the first of equals, or of the first NaN. */
function placeOfGreatest(f: FunctionBody, row: I32, count: I32): I32 {
  const pointer = f.let(row);
  const best = f.let(v128.load32_splat(row));
  // All ones where there was a NaN. `pmax` takes no notice of one that comes second.
  const notNumber = f.let(f32x4.ne(best, best));
  eachElement(f, f.let(count), [pointer], ({ load }) => {
    const value = f.let(load(pointer));
    f.set(best, f32x4.pmax(best, value));
    f.set(notNumber, v128.or(notNumber, f32x4.ne(value, value)));
  });
  // Ones make a NaN, which equals nothing.
  const target = f.let(v128.or(acrossLanes(f, best, f32x4.pmax), acrossLanes(f, notNumber, v128.or)));
  const found = (value: V128): I32 => {
    const x = f.let(value);
    return v128.any_true(v128.or(f32x4.eq(x, target), f32x4.ne(x, x)));
  };
  f.set(pointer, row);
  const fours = f.let(i32.shr_u(count, 2));
  f.while(fours, () => {
    f.if(
      found(v128.load(pointer)),
      () => f.set(fours, 0),
      () => {
        f.increase(pointer, 16);
        f.increase(fours, -1);
      },
    );
  });
  // It is one of the next four.
  const searching = f.let(i32.const(1));
  f.while(searching, () =>
    f.if(
      found(v128.load32_splat(pointer)),
      () => f.set(searching, 0),
      () => f.increase(pointer, 4),
    ),
  );
  return pointer;
}

function maxAxisBackward(
  f: FunctionBody,
  gradX: I32,
  gradOut: I32,
  indices: I32,
  _outer: I32,
  axis: I32,
  inner: I32,
  begin: I32,
  end: I32,
): void {
  const range = { axis, inner, begin, end };
  eachOutput(
    f,
    range,
    (output) => {
      const row = f.let(element(gradX, i32.mul(output, axis)));
      const to = f.let(row);
      eachBlock(f, f.let(axis), [to], 4, (lanes, offsets) =>
        offsets.forEach((offset) => f.do(lanes.store(to, i32x4.const(0), offset))),
      );
      const chosen = element(row, i32.load(element(indices, output)));
      f.do(i32.store(chosen, i32.load(element(gradOut, output))));
    },
    (output, start, count) => {
      const to = f.let(element(gradX, start));
      const from = f.let(element(gradOut, output));
      const index = f.let(element(indices, output));
      eachBlock(f, count, [to, from, index], 2, (lanes, offsets) => {
        const columns = offsets.map((offset) => ({
          offset,
          grad: f.let(lanes.load(from, offset)),
          where: f.let(lanes.load(index, offset)),
        }));
        downAxis(f, range, to, (pointer, place) => {
          const here = f.let(i32x4.splat(place));
          for (const { offset, grad, where } of columns)
            f.do(lanes.store(pointer, v128.and(i32x4.eq(where, here), grad), offset));
        });
      });
    },
  );
}
