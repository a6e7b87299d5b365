/** Functions of one number, applied to every element: exp, log and the activations. */
import { kernels } from "../backend/current.ts";
import type { Kernels, UnaryBackwardKernel, UnaryKernel } from "../backend/backend.ts";
import { record } from "../autograd/graph.ts";
import { ConfigError, checkOptions } from "../errors.ts";
import { checkTensor } from "../tensor/tensor.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { combined, mapped, mappedBackward } from "./fresh.ts";

/** The numbers of the only argument of an operation, which must be a tensor. */
function numbersOf(operation: string, x: Tensor): Float32Array {
  checkTensor(operation, "x", x);
  return x.data;
}

/** e to the power x. */
export function exp(x: Tensor): Tensor {
  const y = mapped(kernels().exp, numbersOf("exp", x));
  return record("exp", y, x.shape, [x], (gradOut) => [combined(kernels().mul, gradOut, y)]); // (eˣ)′ = eˣ
}

/** The natural logarithm; -Infinity at 0, NaN below. */
export function log(x: Tensor): Tensor {
  const y = mapped(kernels().log, numbersOf("log", x));
  return record("log", y, x.shape, [x], (gradOut) => [combined(kernels().div, gradOut, x.data)]); // (ln x)′ = 1/x
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  const y = mapped(kernels().tanh, numbersOf("tanh", x));
  return record("tanh", y, x.shape, [x], (gradOut) => [mappedBackward(kernels().tanhBackward, gradOut, y)]); // 1 - y²
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  const y = mapped(kernels().sigmoid, numbersOf("sigmoid", x));
  return record("sigmoid", y, x.shape, [x], (gradOut) => [mappedBackward(kernels().sigmoidBackward, gradOut, y)]); // y (1 - y)
}

/** max(x, 0). */
export function relu(x: Tensor): Tensor {
  return activation("relu", "reluBackward", x);
}

/** x · sigmoid(x), also called swish (Elfwing et al. 2017). */
export function silu(x: Tensor): Tensor {
  return activation("silu", "siluBackward", x);
}

/** Options of `gelu`. */
export interface GeluOptions {
  /** "none": x Φ(x), the exact form. "tanh": the approximation that GPT-2 was trained with. Default "none". */
  approximate?: "none" | "tanh";
}

/** The Gaussian error linear unit x Φ(x) (Hendrycks & Gimpel 2016). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions("gelu", options, ["approximate"]);
  const { approximate = "none" } = options;
  if (approximate === "none") return activation("gelu", "geluBackward", x);
  if (approximate === "tanh") return activation("geluTanh", "geluTanhBackward", x);
  throw new ConfigError(`gelu: approximate must be "none" or "tanh", got ${String(approximate)}`, { approximate });
}

type KernelOf<T> = { [K in keyof Kernels]: Kernels[K] extends T ? K : never }[keyof Kernels];

/** An activation whose derivative is computed from its input. */
function activation(forward: KernelOf<UnaryKernel>, backward: KernelOf<UnaryBackwardKernel>, x: Tensor): Tensor {
  const y = mapped(kernels()[forward] as UnaryKernel, numbersOf(forward, x));
  return record(forward, y, x.shape, [x], (gradOut) => [
    mappedBackward(kernels()[backward] as UnaryBackwardKernel, gradOut, x.data),
  ]);
}
