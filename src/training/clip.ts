/** Keeping one wild batch from undoing a thousand steps. */
import { SUM_CHUNK } from "../backend/backend.ts";
import { kernels } from "../backend/current.ts";
import type { Parameter } from "../nn/module.ts";

/** The Euclidean norm of all gradients together, of a list of parameters or of a Map as `model.parameters()` gives it. */
export function gradientNorm(parameters: Iterable<Parameter> | ReadonlyMap<string, Parameter>): number {
  let total = 0;
  for (const each of parameters) {
    const { grad } = Array.isArray(each) ? each[1] : each;
    if (grad === null) continue;
    const partials = new Float64Array(Math.ceil(grad.size / SUM_CHUNK));
    kernels().sumSquares(partials, grad.data, grad.size, 0, partials.length);
    for (const partial of partials) total += partial;
  }
  return Math.sqrt(total);
}

/**
 * The factor that brings a gradient of norm `norm` down to `maxNorm` (Pascanu et al. 2012, algorithm 1); 1 where it is
 * small enough or `maxNorm` is 0. The 1e-6 is PyTorch's.
 */
export function clipFactor(norm: number, maxNorm: number): number {
  return maxNorm === 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
}
