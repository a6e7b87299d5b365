/** Forgetting at random, so that a network does not rely on any single activation. */
import { kernels } from "../backend/current.ts";
import { record } from "../autograd/graph.ts";
import { ConfigError, checkNumber, checkOptions } from "../errors.ts";
import type { Random } from "../random.ts";
import { allocate } from "../tensor/scope.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { combined } from "./fresh.ts";

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Probability of zeroing an element, in [0, 1). */
  p: number;
  /** Where chance comes from. */
  random: Random;
}

/**
 * Zeroes each element with probability p and scales the others by 1 / (1 - p), so the mean stays (Srivastava et al. 2014).
 *
 * @throws ConfigError for a p outside [0, 1) or a missing source of chance
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  checkTensor("dropout", "x", x);
  checkOptions("dropout", options, ["p", "random"]);
  const { p, random } = options ?? {};
  checkNumber("dropout", "p", p, 0, 1 - 1e-6);
  if (typeof random?.uniform !== "function")
    throw new ConfigError("dropout: needs a Random, e.g. dropout(x, { p: 0.1, random: new Random(1) })");
  if (p === 0) return x;
  const mask = allocate(x.size);
  const keep = 1 / (1 - p);
  for (let i = 0; i < mask.length; i++) mask[i] = random.uniform() < p ? 0 : keep;
  return record("dropout", combined(kernels().mul, x.data, mask), x.shape, [x], (gradOut) => [
    combined(kernels().mul, gradOut, mask),
  ]);
}
