/** The AdamW update; see loops/adamw.ts. */
import { f32x4, i32 } from "./assembler.ts";
import { eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";

const { add, sub, mul, div, sqrt, splat } = f32x4;

/** The least eps: about the root of the smallest float32. With less, a number whose moments are 0 would become 0 / 0. */
const LEAST_EPS = 2 ** -75;

/** Adds the AdamW update to the module. */
export function addAdamW(assembly: Assembly): void {
  const step = assembly.function(
    "adamW",
    { outputs: 3, inputs: 4, scalars: 8 },
    // prettier-ignore
    (f, paramOut, mOut, vOut, param, grad, m, v, gradScale, beta1, fresh1, beta2, fresh2, decay, stepSize, eps, begin, end) => {
    const pointers = [paramOut, mOut, vOut, param, grad, m, v].map((array) => f.let(element(array, begin)));
    const [toParam, toM, toV, fromParam, fromGrad, fromM, fromV] = pointers;
    const scalars = [gradScale, beta1, fresh1, beta2, fresh2, decay, stepSize, eps].map((scalar) => f.let(splat(scalar)));
    const [factor, keep1, share1, keep2, share2, shrink, size, floor] = scalars;
    eachElement(f, f.let(i32.sub(end, begin)), pointers, ({ load, store }) => {
      const g = f.let(mul(load(fromGrad), factor));
      const first = f.let(add(mul(load(fromM), keep1), mul(g, share1)));
      const second = f.let(add(mul(load(fromV), keep2), mul(mul(g, share2), g)));
      const move = div(mul(first, size), add(sqrt(second), floor));
      const before = f.let(load(fromParam));
      f.do(store(toM, first), store(toV, second), store(toParam, sub(before, add(mul(before, shrink), move))));
    });
  },
  );
  assembly.kernels.adamW = (paramOut, mOut, vOut, param, grad, m, v, scalars, begin, end) => {
    const { learningRate, beta1, beta2, eps, weightDecay, correction1, correction2, gradScale } = scalars;
    // √second / root + eps = (√second + eps · root) / root: the division by the root moves out of the loop.
    const root = Math.sqrt(correction2);
    // Subtracted as a term of its own: as a float32, 1 - decay would have lost most digits of the decay.
    const decay = learningRate * weightDecay;
    const stepSize = (learningRate / correction1) * root;
    const floor = Math.max(eps * root, LEAST_EPS);
    step(
      // prettier-ignore
      [paramOut, mOut, vOut, param, grad, m, v, gradScale, beta1, 1 - beta1, beta2, 1 - beta2, decay, stepSize, floor],
      { begin, end, items: paramOut.length, cost: 16 },
    );
  };
}
