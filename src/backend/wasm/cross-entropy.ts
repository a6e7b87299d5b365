/** Cross-entropy between logits and target tokens; see loops/cross-entropy.ts. */
import type { Kernels } from "../backend.ts";
import { f32, f32x4, f64, i32, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import { eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";
import { exp, log } from "./math.ts";
import { EXP_COST, eachRow, exponentialSum, rowShift, spread, sumOver } from "./softmax.ts";

/** Adds cross-entropy to the module. */
export function crossEntropyKernels(assembly: Assembly): Pick<Kernels, "crossEntropy" | "crossEntropyBackward"> {
  return { crossEntropy: forward(assembly), crossEntropyBackward: backward(assembly) };
}

function forward(assembly: Assembly): Kernels["crossEntropy"] {
  const kernel = assembly.kernel(
    "crossEntropy",
    {
      outputs: ["losses", "logSumExp"],
      inputs: ["logits", "targets"],
      sizes: ["cols", "ignoreIndex"],
      scalars: ["kept", "smoothing"],
    },
    (f, locals) => {
      const { losses, logSumExp, logits, targets, cols, ignoreIndex, kept, smoothing } = locals;
      eachRow(f, locals, [logits], (row, from) => {
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
          f.if(f32.gt(smoothing, f32.const(0)), () => {
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
  return (losses, logSumExp, logits, targets, rows, cols, ignoreIndex, labelSmoothing, begin, end) =>
    kernel({
      outputs: [losses, logSumExp],
      inputs: [logits, targets],
      sizes: [cols, ignoreIndex],
      scalars: [1 - labelSmoothing, labelSmoothing],
      ...{ begin, end, items: rows, cost: EXP_COST * cols },
    });
}

function backward(assembly: Assembly): Kernels["crossEntropyBackward"] {
  const kernel = assembly.kernel(
    "crossEntropyBackward",
    {
      outputs: ["gradLogits"],
      inputs: ["logSumExp", "logits", "targets"],
      sizes: ["cols", "ignoreIndex"],
      scalars: ["factor", "uniform", "wanted"],
    },
    (f, locals) => {
      const { gradLogits, logSumExp, logits, targets, cols, ignoreIndex, factor, uniform, wanted } = locals;
      const factors = f.let(f32x4.splat(factor));
      const uniforms = f.let(f32x4.splat(uniform));
      const to = f.local("i32");
      const from = f.local("i32");
      const count = f.local("i32");
      eachRow(f, locals, [gradLogits, logits], (row, gradRow, logitRow) => {
        const target = f.let(i32.load(element(targets, row)));
        f.set(to, gradRow);
        f.set(from, logitRow);
        f.set(count, cols);
        f.if(
          i32.eq(target, ignoreIndex),
          () => eachElement(f, count, [to], ({ store }) => f.do(store(to, f32x4.const(0)))),
          () => {
            const lse = f.let(v128.load32_splat(element(logSumExp, row)));
            const gradient = (x: V128, minus: V128): V128 =>
              f32x4.mul(factors, f32x4.sub(exp(f, f32x4.sub(x, lse)), minus));
            eachElement(f, count, [to, from], ({ load, store }) => f.do(store(to, gradient(load(from), uniforms))));
            // The target again, from the start: to subtract from what stands there would round twice.
            const atTarget = gradient(v128.load32_splat(element(logitRow, target)), f32x4.splat(wanted));
            f.do(v128.store32_lane(element(gradRow, target), atTarget, 0));
          },
        );
      });
    },
  );
  return (gradLogits, logSumExp, logits, targets, rows, cols, ignoreIndex, labelSmoothing, factor, begin, end) =>
    kernel({
      outputs: [gradLogits],
      inputs: [logSumExp, logits, targets],
      sizes: [cols, ignoreIndex],
      scalars: [factor, labelSmoothing / cols, 1 - labelSmoothing + labelSmoothing / cols],
      ...{ begin, end, items: rows, cost: EXP_COST * cols },
    });
}
