/**
 * LayerNorm and RMSNorm, with their gradients; see loops/norm.ts. RMSNorm is LayerNorm without mean and bias, so one emitter
 * of each pass serves both. Sums over a row are kept in double precision, sums over rows in blocks.
 */
import { f32, f32x4, f64, f64x2, i32, v128 } from "./assembler.ts";
import type { F32, F64, I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { atMost, bytes, eachBlock, element, mapElements } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import { doubleSums } from "./reduce.ts";
import { eachRow } from "./softmax.ts";

/** Adds normalisation to the module. */
export function addNorm(assembly: Assembly): void {
  const row = (_rows: number, cols: number): [number, number] => [cols, 4 * cols];
  const column = (rows: number): [number, number] => [1, 2 * rows];
  assembly.kernel(
    "layerNorm",
    { outputs: 3, inputs: 3, sizes: 2, scalars: 1 },
    row,
    (f, out, mean, rstd, x, weight, bias, _rows, cols, eps, begin, end) =>
      forward(f, { begin, end, cols }, eps, out, rstd, x, weight, mean, bias),
  );
  assembly.kernel(
    "layerNormBackward",
    { outputs: 1, inputs: 5, sizes: 2 },
    row,
    (f, gradX, gradOut, x, weight, mean, rstd, _rows, cols, begin, end) =>
      backward(f, { begin, end, cols }, gradX, gradOut, x, weight, rstd, mean),
  );
  assembly.kernel(
    "layerNormBackwardParameters",
    { outputs: 2, inputs: 4, sizes: 2 },
    column,
    (f, gradWeight, gradBias, gradOut, x, mean, rstd, rows, cols, begin, end) =>
      backwardParameters(f, { begin, end, cols }, rows, gradWeight, gradOut, x, rstd, gradBias, mean),
  );
  assembly.kernel(
    "rmsNorm",
    { outputs: 2, inputs: 2, sizes: 2, scalars: 1 },
    row,
    (f, out, rstd, x, weight, _rows, cols, eps, begin, end) =>
      forward(f, { begin, end, cols }, eps, out, rstd, x, weight),
  );
  assembly.kernel(
    "rmsNormBackward",
    { outputs: 1, inputs: 4, sizes: 2 },
    row,
    (f, gradX, gradOut, x, weight, rstd, _rows, cols, begin, end) =>
      backward(f, { begin, end, cols }, gradX, gradOut, x, weight, rstd),
  );
  assembly.kernel(
    "rmsNormBackwardParameters",
    { outputs: 1, inputs: 3, sizes: 2 },
    column,
    (f, gradWeight, gradOut, x, rstd, rows, cols, begin, end) =>
      backwardParameters(f, { begin, end, cols }, rows, gradWeight, gradOut, x, rstd),
  );
}

/** Which part of a matrix a pass handles. */
type Range = Readonly<Record<"begin" | "end" | "cols", I32>>;

/** The double, rounded to a float, in every lane. */
const splatSingle = (value: F64): V128 => f32x4.splat(f32.demote_f64(value));

/** out = (x - mean) · rstd · weight + bias, row by row; without mean and bias for RMSNorm. */
function forward(
  f: FunctionBody,
  { begin, end, cols }: Range,
  eps: F32,
  out: I32,
  rstd: I32,
  x: I32,
  weight: I32,
  mean?: I32,
  bias?: I32,
): void {
  const epsilon = f.let(f64.promote_f32(eps));
  const size = f.let(f64.convert_i32_u(cols));
  eachRow(f, begin, end, cols, [out, x], (row, to, from) => {
    let centre = (value: V128): V128 => value;
    let centreDouble = centre;
    if (mean !== undefined) {
      const average = f.let(f64.div(doubleSums(f, cols, [from], 1, (value) => [value])[0], size));
      const averages = f.let(f64x2.splat(average));
      const high = f.let(f32.demote_f64(average));
      // Two floats hold the mean nearly as well as a double does: nothing is lost where it is large and the spread is small.
      const highs = f.let(f32x4.splat(high));
      const lows = f.let(splatSingle(f64.sub(average, f64.promote_f32(high))));
      centre = (value) => f32x4.sub(f32x4.sub(value, highs), lows);
      centreDouble = (value) => f64x2.sub(value, averages);
      f.do(f32.store(element(mean, row), high));
    }
    // A second pass over centred values: mean(x²) - mean² would cancel where the mean is large.
    const [squares] = doubleSums(f, cols, [from], 1, (value) => {
      const centred = f.let(centreDouble(value));
      return [f64x2.mul(centred, centred)];
    });
    const scale = f.let(f32.demote_f64(f64.div(1, f64.sqrt(f64.add(f64.div(squares, size), epsilon)))));
    f.do(f32.store(element(rstd, row), scale));
    const scales = f.let(f32x4.splat(scale));
    mapElements(f, cols, to, [from, weight, ...(bias ? [bias] : [])], (value, factor, shift) => {
      const scaled = f32x4.mul(f32x4.mul(centre(value), scales), factor);
      return shift ? f32x4.add(scaled, shift) : scaled;
    });
  });
}

/** Columns below which gradients of rows are computed in double precision: there all but a little of them often cancels. */
const FEW_COLUMNS = 8;

/** With h = (x - mean) · rstd and g = gradOut · weight: gradX = rstd (g - mean(g) - h mean(g h)). */
function backward(
  f: FunctionBody,
  { begin, end, cols }: Range,
  gradX: I32,
  gradOut: I32,
  x: I32,
  weight: I32,
  rstd: I32,
  mean?: I32,
): void {
  const size = f.let(f64.convert_i32_u(cols));
  eachRow(f, begin, end, cols, [gradX, gradOut, x], (row, to, grad, from) => {
    const splat = (value: F64): Local<"v128"> => f.let(f64x2.splat(value));
    const average = mean && splat(f64.promote_f32(f32.load(element(mean, row))));
    const [dot, sum] = doubleSums(f, cols, [grad, weight, from], mean ? 2 : 1, (gradient, factor, value) => {
      const g = f.let(f64x2.mul(gradient, factor));
      return average ? [f64x2.mul(g, f64x2.sub(value, average)), g] : [f64x2.mul(g, value)];
    });
    const rate = f.let(f64.promote_f32(f32.load(element(rstd, row))));
    const scale = splat(rate);
    const slope = splat(f64.div(f64.mul(f64.mul(dot, rate), rate), size));
    const meanG = mean && splat(f64.div(sum, size));
    // The result from numbers and from statistics that `as` gives.
    const gradient = (
      { mul, sub }: Pick<typeof f32x4, "mul" | "sub">,
      as: (statistic: V128) => V128,
      [given, factor, value]: readonly V128[],
    ): V128 => {
      const g = mul(given, factor);
      const centred = average ? sub(value, as(average)) : value;
      return mul(as(scale), sub(meanG ? sub(g, as(meanG)) : g, mul(centred, as(slope))));
    };
    const arrays = [grad, weight, from];
    f.if(
      i32.lt_u(cols, FEW_COLUMNS),
      () => {
        const [left, ...pointers] = [cols, to, ...arrays].map((value) => f.let(value));
        f.while(left, () => {
          const doubles = pointers.slice(1).map((pointer) => f64x2.promote_low_f32x4(v128.load32_zero(pointer)));
          const value = gradient(f64x2, (statistic) => statistic, doubles);
          f.do(v128.store32_lane(pointers[0], f32x4.demote_f64x2_zero(value), 0));
          for (const pointer of pointers) f.increase(pointer, 4);
          f.increase(left, -1);
        });
      },
      () => {
        const singles = new Map<V128, V128>();
        for (const statistic of [average, scale, slope, meanG])
          if (statistic) singles.set(statistic, f.let(splatSingle(f64x2.extract_lane(statistic, 0))));
        const as = (statistic: V128): V128 => singles.get(statistic) ?? statistic;
        mapElements(f, cols, to, arrays, (...values) => gradient(f32x4, as, values));
      },
    );
  });
}

/** Rows that are summed before their sum goes to the total, so that rounding errors grow more slowly than with the number of rows. */
const BLOCK_ROWS = 32;

/** gradWeight = Σ over rows of gradOut · (x - mean) · rstd, gradBias = Σ gradOut. */
function backwardParameters(
  f: FunctionBody,
  { begin, end, cols }: Range,
  rows: I32,
  gradWeight: I32,
  gradOut: I32,
  x: I32,
  rstd: I32,
  gradBias?: I32,
  mean?: I32,
): void {
  const stride = f.let(bytes(cols));
  const grad = f.let(element(gradOut, begin));
  const from = f.let(element(x, begin));
  const toWeight = f.let(element(gradWeight, begin));
  const toBias = f.let(element(gradBias ?? begin, begin));
  const pointers = [grad, from, toWeight, toBias];
  const zero = f32x4.const(0);
  eachBlock(f, f.let(i32.sub(end, begin)), pointers, 4, (lanes, offsets) => {
    const sums = offsets.map((offset) => {
      const make = (): Local<"v128">[] => [f.let(zero), ...(gradBias === undefined ? [] : [f.let(zero)])];
      return { offset, block: make(), total: make() };
    });
    const gradRow = f.let(grad);
    const fromRow = f.let(from);
    f.for(0, rows, BLOCK_ROWS, (first) => {
      const stop = f.let(atMost(i32.add(first, BLOCK_ROWS), rows));
      for (const sum of sums.flatMap(({ block }) => block)) f.set(sum, zero);
      f.for(first, stop, 1, (row) => {
        const average = mean === undefined ? undefined : f.let(v128.load32_splat(element(mean, row)));
        const scale = f.let(v128.load32_splat(element(rstd, row)));
        for (const { offset, block } of sums) {
          const g = f.let(lanes.load(gradRow, offset));
          const value = lanes.load(fromRow, offset);
          const normal = f32x4.mul(average === undefined ? value : f32x4.sub(value, average), scale);
          f.set(block[0], f32x4.add(block[0], f32x4.mul(g, normal)));
          if (gradBias !== undefined) f.set(block[1], f32x4.add(block[1], g));
        }
        f.increase(gradRow, stride);
        f.increase(fromRow, stride);
      });
      for (const { block, total } of sums) block.forEach((sum, i) => f.set(total[i], f32x4.add(total[i], sum)));
    });
    for (const { offset, total } of sums)
      total.forEach((sum, i) => f.do(lanes.store(i === 0 ? toWeight : toBias, sum, offset)));
  });
}
