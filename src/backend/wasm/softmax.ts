/**
 * Softmax and log-softmax over rows, and their gradients; see loops/softmax.ts. The steps over one row are code that other
 * kernels take into theirs.
 */
import type { Kernels } from "../backend.ts";
import { f32, f32x4, f64, f64x2, i32, i32x4, v128 } from "./assembler.ts";
import type { F64, I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { acrossLanes, atMost, bytes, eachBlock, eachElement, element, mapElements } from "./kernel.ts";
import type { Assembly, Lanes } from "./kernel.ts";
import { exp, log } from "./math.ts";
import { doubleSums } from "./reduce.ts";

/** Rough work of one exponential, in additions. */
export const EXP_COST = 10;
/** Elements that are summed in single precision, four lanes side by side, before double precision takes over. */
const SUM_BLOCK = 128;

/** As many addresses as there are arrays. */
type Places<A extends readonly I32[]> = { [K in keyof A]: Local<"i32"> };

/** Local variables for addresses that advance. */
function places<const A extends readonly I32[]>(f: FunctionBody, addresses: A): Places<A> {
  return addresses.map((address) => f.let(address)) as unknown as Places<A>;
}

/** Runs `body` over the rows of matrices [rows, cols] from begin to end; it gets the address of the row in each of them. */
export function eachRow<const A extends readonly I32[]>(
  f: FunctionBody,
  begin: I32,
  end: I32,
  cols: I32,
  matrices: A,
  body: (row: Local<"i32">, ...places: Places<A>) => void,
): void {
  const start = i32.mul(begin, cols);
  const at = places(f, matrices.map((matrix) => element(matrix, start)) as unknown as A);
  f.for(begin, end, 1, (row) => {
    body(row, ...at);
    for (const place of at) f.increase(place, bytes(cols));
  });
}

/** Σ over one row or several of what `term` makes of their elements. */
export function sumOver<const A extends readonly I32[]>(
  f: FunctionBody,
  count: I32,
  rows: A,
  term: (lanes: Lanes, ...places: Places<A>) => V128,
): Local<"f64"> {
  const at = places(f, rows);
  const left = f.let(count);
  const block = f.local("i32");
  const sum = f.local("v128");
  const total = f.let(f64x2.const(0));
  f.while(left, () => {
    f.set(block, atMost(left, SUM_BLOCK));
    f.set(left, i32.sub(left, block));
    f.set(sum, f32x4.const(0));
    eachElement(f, block, at, (lanes) => {
      const value = term(lanes, ...at);
      // A single element stands in all lanes; it counts once.
      f.set(sum, f32x4.add(sum, lanes.width === 4 ? value : v128.and(value, i32x4.const(-1, 0, 0, 0))));
    });
    const halves = f64x2.add(
      f64x2.promote_low_f32x4(sum),
      f64x2.promote_low_f32x4(i32x4.shuffle(sum, sum, 2, 3, 0, 1)),
    );
    f.set(total, f64x2.add(total, halves));
  });
  return f.let(f64.add(f64x2.extract_lane(total, 0), f64x2.extract_lane(total, 1)));
}

/**
 * The greatest element of a row, in every lane, to be subtracted before exponentials so that none overflows. NaN is passed
 * over. 0 if all are -Infinity: subtracting -Infinity from itself would give NaN, where 0 leaves every exponential 0.
 */
export function rowShift(f: FunctionBody, row: I32, count: I32): Local<"v128"> {
  const from = f.let(row);
  const left = f.let(count);
  // Four chains at a time: a single one would wait for each comparison before the next.
  const maxima = [0, 1, 2, 3].map(() => f.let(f32x4.const(-Infinity)));
  eachBlock(f, left, [from], maxima.length, ({ load }, offsets) =>
    offsets.forEach((offset, i) => f.set(maxima[i], f32x4.pmax(maxima[i], load(from, offset)))),
  );
  const greatest = acrossLanes(f, maxima.reduce<V128>(f32x4.pmax, f32x4.const(-Infinity)), f32x4.pmax);
  return f.let(v128.and(greatest, f32x4.ne(greatest, f32x4.const(-Infinity))));
}

/** to = e^(from - shift) for a row; returns the sum. The two may be the same. */
export function exponentials(f: FunctionBody, to: I32, from: I32, count: I32, shift: V128): Local<"f64"> {
  return sumOver(f, count, [to, from], ({ load, store }, out, x) => {
    const value = f.let(exp(f, f32x4.sub(load(x), shift)));
    f.do(store(out, value));
    return value;
  });
}

/** Σ e^(x - shift) over a row. */
export function exponentialSum(f: FunctionBody, row: I32, count: I32, shift: V128): Local<"f64"> {
  return sumOver(f, count, [row], ({ load }, x) => exp(f, f32x4.sub(load(x), shift)));
}

/** A double as float32 in every lane. */
export function spread(value: F64): V128 {
  return f32x4.splat(f32.demote_f64(value));
}

/** 1 / sum in every lane, 0 where the sum is 0. */
export function reciprocal(f: FunctionBody, sum: F64): Local<"v128"> {
  return f.let(v128.and(spread(f64.div(1, sum)), f32x4.ne(spread(sum), f32x4.const(0))));
}

/** Multiplies a row by `factor`, in place. */
export function scaleRow(f: FunctionBody, row: I32, count: I32, factor: V128): void {
  mapElements(f, count, row, [row], (value) => f32x4.mul(value, factor));
}

/** Adds the row functions to the module. */
export function addSoftmax(assembly: Assembly): void {
  const { madd } = assembly.arithmetic;
  addForward(assembly, "softmax", (f, to, from, cols) => {
    const sum = exponentials(f, to, from, cols, rowShift(f, from, cols));
    scaleRow(f, to, cols, reciprocal(f, sum));
  });
  addForward(assembly, "logSoftmax", (f, to, from, cols) => {
    const shift = rowShift(f, from, cols);
    const sum = f.let(spread(exponentialSum(f, from, cols, shift)));
    const offset = f.let(v128.and(log(f, sum), f32x4.ne(sum, f32x4.const(0))));
    // Not x - (max + ln Σ): beside a huge maximum the logarithm would be lost.
    mapElements(f, cols, to, [from], (x) => f32x4.sub(f32x4.sub(x, shift), offset));
  });
  addBackward(assembly, "softmaxBackward", (f, to, grad, saved, cols) => {
    const [dot] = doubleSums(f, cols, [grad, saved], 1, (g, y) => [f64x2.mul(g, y)]);
    // In two parts: where one probability is nearly 1, the gradient is a small difference between it and the sum.
    const high = f.let(spread(dot));
    const low = f.let(spread(f64.sub(dot, f64.promote_f32(f32x4.extract_lane(high, 0)))));
    mapElements(f, cols, to, [grad, saved], (g, y) => f32x4.mul(y, f32x4.sub(f32x4.sub(g, high), low)));
  });
  addBackward(assembly, "logSoftmaxBackward", (f, to, grad, saved, cols) => {
    const minusSum = f.let(f32x4.neg(spread(sumOver(f, cols, [grad], ({ load }, g) => load(g)))));
    mapElements(f, cols, to, [grad, saved], (g, y) => madd(exp(f, y), minusSum, g));
  });
}

type Row = Local<"i32">;

function addForward(
  assembly: Assembly,
  name: keyof Kernels,
  apply: (f: FunctionBody, to: Row, from: Row, cols: I32) => void,
): void {
  assembly.kernel(name, { outputs: 1, inputs: 1, sizes: 2 }, rowCost, (f, out, x, _rows, cols, begin, end) =>
    eachRow(f, begin, end, cols, [out, x], (_, to, from) => apply(f, to, from, cols)),
  );
}

function addBackward(
  assembly: Assembly,
  name: keyof Kernels,
  apply: (f: FunctionBody, to: Row, grad: Row, saved: Row, cols: I32) => void,
): void {
  assembly.kernel(name, { outputs: 1, inputs: 2, sizes: 2 }, rowCost, (f, gradX, gradOut, y, _rows, cols, begin, end) =>
    eachRow(f, begin, end, cols, [gradX, gradOut, y], (_, to, grad, saved) => apply(f, to, grad, saved, cols)),
  );
}

const rowCost = (_rows: number, cols: number): [number, number] => [cols, EXP_COST * cols];
