/**
 * LayerNorm and RMSNorm, with their gradients; see loops/norm.ts. RMSNorm is LayerNorm without mean and bias, so one emitter
 * of each pass serves both. Sums over a row are kept in double precision, sums over rows in blocks.
 */
import type { Kernels } from "../backend.ts";
import { f32, f32x4, f64, f64x2, i32, select, v128 } from "./assembler.ts";
import type { F64, I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { eachBlock, eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import { doubleSums } from "./reduce.ts";

type Norms =
  | "layerNorm"
  | "layerNormBackward"
  | "layerNormBackwardParameters"
  | "rmsNorm"
  | "rmsNormBackward"
  | "rmsNormBackwardParameters";

/** Adds normalisation to the module. */
export function normKernels(assembly: Assembly): Pick<Kernels, Norms> {
  return { ...layerNormKernels(assembly), ...rmsNormKernels(assembly) };
}

function layerNormKernels(
  assembly: Assembly,
): Pick<Kernels, "layerNorm" | "layerNormBackward" | "layerNormBackwardParameters"> {
  const sizes = ["cols"] as const;
  const forwards = assembly.kernel(
    "layerNorm",
    { outputs: ["out", "mean", "rstd"], inputs: ["x", "weight", "bias"], sizes, scalars: ["eps"] },
    (f, locals) => forward(f, locals, f.let(f64.promote_f32(locals.eps))),
  );
  const backwards = assembly.kernel(
    "layerNormBackward",
    { outputs: ["gradX"], inputs: ["gradOut", "x", "weight", "mean", "rstd"], sizes },
    (f, locals) => backward(f, locals),
  );
  const parameters = assembly.kernel(
    "layerNormBackwardParameters",
    { outputs: ["gradWeight", "gradBias"], inputs: ["gradOut", "x", "mean", "rstd"], sizes: ["rows", "cols"] },
    (f, locals) => backwardParameters(f, locals),
  );
  return {
    layerNorm: (out, mean, rstd, x, weight, bias, rows, cols, eps, begin, end) =>
      forwards({
        outputs: [out, mean, rstd],
        inputs: [x, weight, bias],
        sizes: [cols],
        scalars: [eps],
        begin,
        end,
        items: rows,
        cost: 3 * cols,
      }),
    layerNormBackward: (gradX, gradOut, x, weight, mean, rstd, rows, cols, begin, end) =>
      backwards({
        outputs: [gradX],
        inputs: [gradOut, x, weight, mean, rstd],
        sizes: [cols],
        begin,
        end,
        items: rows,
        cost: 4 * cols,
      }),
    layerNormBackwardParameters: (gradWeight, gradBias, gradOut, x, mean, rstd, rows, cols, begin, end) =>
      parameters({
        outputs: [gradWeight, gradBias],
        inputs: [gradOut, x, mean, rstd],
        sizes: [rows, cols],
        begin,
        end,
        items: cols,
        cost: 2 * rows,
      }),
  };
}

function rmsNormKernels(
  assembly: Assembly,
): Pick<Kernels, "rmsNorm" | "rmsNormBackward" | "rmsNormBackwardParameters"> {
  const sizes = ["cols"] as const;
  const forwards = assembly.kernel(
    "rmsNorm",
    { outputs: ["out", "rstd"], inputs: ["x", "weight"], sizes, scalars: ["eps"] },
    (f, locals) => forward(f, locals, f.let(f64.promote_f32(locals.eps))),
  );
  const backwards = assembly.kernel(
    "rmsNormBackward",
    { outputs: ["gradX"], inputs: ["gradOut", "x", "weight", "rstd"], sizes },
    (f, locals) => backward(f, locals),
  );
  const parameters = assembly.kernel(
    "rmsNormBackwardParameters",
    { outputs: ["gradWeight"], inputs: ["gradOut", "x", "rstd"], sizes: ["rows", "cols"] },
    (f, locals) => backwardParameters(f, locals),
  );
  return {
    rmsNorm: (out, rstd, x, weight, rows, cols, eps, begin, end) =>
      forwards({
        outputs: [out, rstd],
        inputs: [x, weight],
        sizes: [cols],
        scalars: [eps],
        begin,
        end,
        items: rows,
        cost: 2 * cols,
      }),
    rmsNormBackward: (gradX, gradOut, x, weight, rstd, rows, cols, begin, end) =>
      backwards({
        outputs: [gradX],
        inputs: [gradOut, x, weight, rstd],
        sizes: [cols],
        begin,
        end,
        items: rows,
        cost: 3 * cols,
      }),
    rmsNormBackwardParameters: (gradWeight, gradOut, x, rstd, rows, cols, begin, end) =>
      parameters({
        outputs: [gradWeight],
        inputs: [gradOut, x, rstd],
        sizes: [rows, cols],
        begin,
        end,
        items: cols,
        cost: rows,
      }),
  };
}

/** Arguments of a pass; those of `Centred` only for LayerNorm. */
type Locals<Always extends string, Centred extends string> = Readonly<Record<Always | "cols" | "begin" | "end", I32>> &
  Readonly<Partial<Record<Centred, I32>>>;

/** The double, rounded to a float, in every lane. */
const splatSingle = (value: F64): V128 => f32x4.splat(f32.demote_f64(value));

/** out = (x - mean) · rstd · weight + bias, row by row. */
function forward(
  f: FunctionBody,
  { out, mean, rstd, x, weight, bias, cols, begin, end }: Locals<"out" | "rstd" | "x" | "weight", "mean" | "bias">,
  eps: F64,
): void {
  const size = f.let(f64.convert_i32_u(cols));
  const to = f.let(element(out, i32.mul(begin, cols)));
  const from = f.let(element(x, i32.mul(begin, cols)));
  const row = f.let(begin);
  f.for(row, end, 1, () => {
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
    const scale = f.let(f32.demote_f64(f64.div(f64.const(1), f64.sqrt(f64.add(f64.div(squares, size), eps)))));
    f.do(f32.store(element(rstd, row), scale));
    const scales = f.let(f32x4.splat(scale));
    const factor = f.let(weight);
    const shift = f.let(bias ?? i32.const(0));
    eachElement(f, f.let(cols), [to, from, factor, ...(bias === undefined ? [] : [shift])], ({ load, store }) => {
      const scaled = f32x4.mul(f32x4.mul(centre(load(from)), scales), load(factor));
      f.do(store(to, bias === undefined ? scaled : f32x4.add(scaled, load(shift))));
    });
  });
}

type Load = (pointer: I32) => V128;

/** Columns below which gradients of rows are computed in double precision: there all but a little of them often cancels. */
const FEW_COLUMNS = 8;

/** With h = (x - mean) · rstd and g = gradOut · weight: gradX = rstd (g - mean(g) - h mean(g h)). */
function backward(f: FunctionBody, locals: Locals<"gradX" | "gradOut" | "x" | "weight" | "rstd", "mean">): void {
  const { gradX, gradOut, x, weight, mean, rstd, cols, begin, end } = locals;
  const size = f.let(f64.convert_i32_u(cols));
  const to = f.let(element(gradX, i32.mul(begin, cols)));
  const grad = f.let(element(gradOut, i32.mul(begin, cols)));
  const from = f.let(element(x, i32.mul(begin, cols)));
  const row = f.let(begin);
  f.for(row, end, 1, () => {
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
    const factor = f.let(weight);
    const pointers = [to, grad, from, factor];
    // The result from values and statistics that `as` gives.
    const gradient = (
      { mul, sub }: Pick<typeof f32x4, "mul" | "sub">,
      load: Load,
      as: (statistic: V128) => V128,
    ): V128 => {
      const [g, value] = [mul(load(grad), load(factor)), load(from)];
      const centred = average ? sub(value, as(average)) : value;
      return mul(as(scale), sub(meanG ? sub(g, as(meanG)) : g, mul(centred, as(slope))));
    };
    const left = f.let(cols);
    f.if(
      i32.lt_u(left, i32.const(FEW_COLUMNS)),
      () => {
        const load: Load = (pointer) => f64x2.promote_low_f32x4(v128.load32_zero(pointer));
        f.while(left, () => {
          f.do(v128.store32_lane(to, f32x4.demote_f64x2_zero(gradient(f64x2, load, (statistic) => statistic)), 0));
          for (const pointer of pointers) f.increase(pointer, 4);
          f.increase(left, -1);
        });
      },
      () => {
        const singles = new Map<V128, Local<"v128">>();
        for (const statistic of [average, scale, slope, meanG])
          if (statistic) singles.set(statistic, f.let(splatSingle(f64x2.extract_lane(statistic, 0))));
        eachElement(f, left, pointers, ({ load, store }) =>
          f.do(
            store(
              to,
              gradient(f32x4, load, (statistic) => singles.get(statistic) ?? statistic),
            ),
          ),
        );
      },
    );
  });
}

/** Rows that are summed before their sum goes to the total, so that rounding errors grow more slowly than with the number of rows. */
const BLOCK_ROWS = 32;

/** gradWeight = Σ over rows of gradOut · (x - mean) · rstd, gradBias = Σ gradOut. */
function backwardParameters(
  f: FunctionBody,
  locals: Locals<"gradWeight" | "gradOut" | "x" | "rstd" | "rows", "gradBias" | "mean">,
): void {
  const { gradWeight, gradBias, gradOut, x, mean, rstd, rows, cols, begin, end } = locals;
  const stride = f.let(i32.shl(cols, i32.const(2)));
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
    const row = f.let(i32.const(0));
    f.while(i32.lt_u(row, rows), () => {
      const left = f.let(i32.sub(rows, row));
      const stop = f.let(i32.add(row, select(i32.lt_u(left, i32.const(BLOCK_ROWS)), left, i32.const(BLOCK_ROWS))));
      for (const sum of sums.flatMap(({ block }) => block)) f.set(sum, zero);
      f.for(row, stop, 1, () => {
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
