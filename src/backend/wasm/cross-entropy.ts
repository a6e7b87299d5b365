/** Cross-entropy between logits and target tokens; see loops/cross-entropy.ts. */
import { f32, f32x4, f64, i32, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { element, mapElements } from "./kernel.ts";
import type { Assembly, Call } from "./kernel.ts";
import { exp, log } from "./math.ts";
import { EXP_COST, eachRow, exponentialSum, rowShift, spread, sumOver } from "./softmax.ts";

/** Adds cross-entropy to the module. */
export function addCrossEntropy(assembly: Assembly): void {
  const forward = addForward(assembly);
  const backward = addBackward(assembly);
  const { kernels } = assembly;
  kernels.crossEntropy = (losses, logSumExp, logits, targets, rows, cols, ignoreIndex, labelSmoothing, begin, end) =>
    forward([losses, logSumExp, logits, targets, cols, ignoreIndex, 1 - labelSmoothing, labelSmoothing], {
      begin,
      end,
      items: rows,
      cost: EXP_COST * cols,
    });
  kernels.crossEntropyBackward = (
    gradLogits,
    logSumExp,
    logits,
    targets,
    rows,
    cols,
    ignoreIndex,
    labelSmoothing,
    factor,
    begin,
    end,
  ) => {
    const uniform = labelSmoothing / cols;
    backward(
      [gradLogits, logSumExp, logits, targets, cols, ignoreIndex, factor, uniform, 1 - labelSmoothing + uniform],
      { begin, end, items: rows, cost: EXP_COST * cols },
    );
  };
}

function addForward(assembly: Assembly): Call {
  return assembly.function(
    "crossEntropy",
    { outputs: 2, inputs: 2, sizes: 2, scalars: 2 },
    (f, losses, logSumExp, logits, targets, cols, ignoreIndex, kept, smoothing, begin, end) => {
      eachRow(f, begin, end, cols, [logits], (row, from) => {
        const target = f.let(i32.load(element(targets, row)));
        const loss = f.let(f64.const(0));
        const lse = f.let(f64.const(0));
        f.if(i32.ne(target, ignoreIndex), () => {
          const shift = rowShift(f, from, cols);
          const logarithm = log(f, spread(exponentialSum(f, from, cols, shift)));
          f.set(lse, f64.promote_f32(f32x4.extract_lane(shift, 0)));
          f.set(lse, f64.add(lse, f64.promote_f32(f32x4.extract_lane(logarithm, 0))));
          f.set(loss, f64.sub(lse, f64.promote_f32(f32.load(element(from, target)))));
          // Skipped without smoothing: a logit of -Infinity would make 0 · Infinity of it.
          f.if(f32.gt(smoothing, 0), () => {
            const sum = sumOver(f, cols, [from], ({ load }, x) => load(x));
            const spreadOut = f64.sub(lse, f64.div(sum, f64.convert_i32_u(cols)));
            f.set(loss, f64.mul(f64.promote_f32(kept), loss));
            f.set(loss, f64.add(loss, f64.mul(f64.promote_f32(smoothing), spreadOut)));
          });
        });
        f.do(f32.store(element(losses, row), f32.demote_f64(loss)));
        f.do(f32.store(element(logSumExp, row), f32.demote_f64(lse)));
      });
    },
  );
}

function addBackward(assembly: Assembly): Call {
  return assembly.function(
    "crossEntropyBackward",
    { outputs: 1, inputs: 3, sizes: 2, scalars: 3 },
    (f, gradLogits, logSumExp, logits, targets, cols, ignoreIndex, factor, uniform, wanted, begin, end) => {
      const factors = f.let(f32x4.splat(factor));
      const uniforms = f.let(f32x4.splat(uniform));
      eachRow(f, begin, end, cols, [gradLogits, logits], (row, to, from) => {
        const target = f.let(i32.load(element(targets, row)));
        f.if(
          i32.eq(target, ignoreIndex),
          () => mapElements(f, cols, to, [], () => f32x4.const(0)),
          () => {
            const lse = f.let(v128.load32_splat(element(logSumExp, row)));
            const gradient = (x: V128, minus: V128): V128 =>
              f32x4.mul(factors, f32x4.sub(exp(f, f32x4.sub(x, lse)), minus));
            mapElements(f, cols, to, [from], (x) => gradient(x, uniforms));
            // The target again, from the start: to subtract from what stands there would round twice.
            const atTarget = gradient(v128.load32_splat(element(from, target)), f32x4.splat(wanted));
            f.do(v128.store32_lane(element(to, target), atTarget, 0));
          },
        );
      });
    },
  );
}
