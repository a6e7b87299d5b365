/** Is a gradient right? Compare it with finite differences. */
import { ConfigError, checkNumber, checkOptions } from "../errors.ts";
import { Random } from "../random.ts";
import { callNow } from "../tensor/scope.ts";
import { Tensor, checkTensor, checkTensors } from "../tensor/tensor.ts";
import { noGrad } from "./graph.ts";

/** Options of `gradCheck`. */
export interface GradCheckOptions {
  /** Distance between the points of the difference formula. Default 0.02: large, because values are 32-bit floats. */
  step?: number;
  /** Greatest allowed difference, relative to the greatest gradient of that input (at least 1e-3). Default 1e-3. */
  tolerance?: number;
  /** Seed of the random direction in which outputs are weighed. Default 0. */
  seed?: number;
}

/** What `gradCheck` found. */
export interface GradCheckResult {
  /** Whether every gradient is within the tolerance. */
  ok: boolean;
  /** The greatest relative difference. */
  maxError: number;
  /** Where it was found. */
  worst: { input: number; index: number; analytic: number; numeric: number };
}

/**
 * Compares the gradients of `fn` with central differences, for every element of every input. The output is reduced to
 * one number by a fixed random weighting, added up in double precision. The five-point formula
 * f′ ≈ (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h (Abramowitz & Stegun 25.3.6) has an error of order h⁴, so h can
 * stay large enough for 32-bit floats.
 *
 * ```ts
 * gradCheck((x) => tanh(x), [randn([2, 3], new Random(1))]).ok; // true
 * ```
 *
 * @param fn a function of tensors, smooth within 2 · step of the inputs
 * @param inputs every one is checked; their `grad` fields are left as they were
 * @throws ConfigError for inputs that are no list of tensors, or a function that is asynchronous or returns no tensor
 */
export function gradCheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradCheckOptions = {},
): GradCheckResult {
  checkOptions("gradCheck", options, ["step", "tolerance", "seed"]);
  const { step = 0.02, tolerance = 1e-3, seed = 0 } = options;
  checkNumber("gradCheck", "step", step, 1e-6);
  checkNumber("gradCheck", "tolerance", tolerance, 0);
  checkTensors("gradCheck", "inputs", inputs);
  if (inputs.length === 0) throw new ConfigError("gradCheck: needs at least one input");

  const leaves = inputs.map((input) => new Tensor(input.data.slice(), input.shape, true));
  const out = callNow("gradCheck", fn, ...leaves);
  checkTensor("gradCheck", "the result of fn", out);
  const random = new Random(seed);
  const weights = new Tensor(
    Float32Array.from({ length: out.size }, () => random.normal()),
    out.shape,
  );
  out.backward(weights);

  const weighedOutput = (): number => {
    const values = noGrad(() => fn(...leaves)).data;
    let total = 0;
    for (let i = 0; i < values.length; i++) total += values[i] * weights.data[i];
    return total;
  };
  const result: GradCheckResult = { ok: true, maxError: 0, worst: { input: 0, index: 0, analytic: 0, numeric: 0 } };
  leaves.forEach((leaf, input) => {
    const numeric = leaf.data.map((_, index) => differentiate(weighedOutput, leaf.data, index, step));
    const analytic = leaf.grad?.data ?? new Float32Array(leaf.size);
    let scale = 1e-3;
    for (const value of numeric) scale = Math.max(scale, Math.abs(value));
    numeric.forEach((value, index) => {
      const error = Math.abs(value - analytic[index]) / scale;
      if (error <= result.maxError || Number.isNaN(result.maxError)) return; // a NaN gradient gets through, stays and fails
      result.maxError = error;
      result.worst = { input, index, analytic: analytic[index], numeric: value };
    });
  });
  result.ok = result.maxError <= tolerance;
  return result;
}

function differentiate(f: () => number, data: Float32Array, index: number, step: number): number {
  const at = data[index];
  const valueAt = (offset: number): number => {
    data[index] = at + offset;
    const value = f();
    data[index] = at;
    return value;
  };
  return (8 * (valueAt(step) - valueAt(-step)) - (valueAt(2 * step) - valueAt(-2 * step))) / (12 * step);
}
