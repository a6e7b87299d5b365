/** Activation functions, each beside its derivative; see loops/activation.ts. */
import type { Kernels } from "../backend.ts";
import { f32x4, v128 } from "./assembler.ts";
import type { FunctionBody, Local, V128 } from "./assembler.ts";
import type { Assembly } from "./kernel.ts";
import { erf, exp, tanh } from "./math.ts";
import { unary, unaryBackward } from "./unary.ts";

const SQRT_HALF = 0.7071067811865476;
/** 1 / √(2π): the height of the normal density. */
const NORMAL_PEAK = 0.3989422804014327;
/** √(2/π) and the cubic coefficient of the tanh approximation (Hendrycks and Gimpel, "Gaussian Error Linear Units", section 2). */
const GELU_SLOPE = 0.7978845608028654;
const GELU_CUBIC = 0.044715;

const { add, sub, mul, div } = f32x4;
const all = f32x4.const;
const one = all(1);
const half = all(0.5);

type Activations =
  | "tanh" | "sigmoid" | "relu" | "gelu" | "geluTanh" | "silu"
  | "tanhBackward" | "sigmoidBackward" | "reluBackward" | "geluBackward" | "geluTanhBackward" | "siluBackward";

/** 1 / (1 + e^-x). */
const logistic = (f: FunctionBody, x: V128): V128 => div(one, onePlusExp(f, x));
/** 1 + e^-x. */
const onePlusExp = (f: FunctionBody, x: V128): V128 => add(one, exp(f, f32x4.neg(x)));
/** 1 + erf(x / √2): twice the normal distribution. */
const twicePhi = (f: FunctionBody, x: V128): V128 => add(one, erf(f, mul(x, all(SQRT_HALF))));
/** tanh u, with u = √(2/π) (x + 0.044715 x³). */
const geluTangent = (f: FunctionBody, x: V128, square: V128): V128 =>
  tanh(f, mul(mul(x, all(GELU_SLOPE)), add(one, mul(square, all(GELU_CUBIC)))));

/** Adds activation functions to the module. */
export function activationKernels(assembly: Assembly): Pick<Kernels, Activations> {
  return {
    tanh: unary(assembly, "tanh", tanh),
    sigmoid: unary(assembly, "sigmoid", logistic),
    // NaN compares as false and stays.
    relu: unary(assembly, "relu", (f, x) => {
      const value = f.let(x);
      return v128.andnot(value, f32x4.le(value, all(0)));
    }),
    gelu: unary(assembly, "gelu", (f, x) => {
      const value = f.let(x);
      return mul(mul(value, half), twicePhi(f, value));
    }),
    geluTanh: unary(assembly, "geluTanh", (f, x) => {
      const value = f.let(x);
      return mul(mul(value, half), add(one, geluTangent(f, value, mul(value, value))));
    }),
    silu: unary(assembly, "silu", (f, x) => {
      const value = f.let(x);
      return div(value, onePlusExp(f, value));
    }),
    tanhBackward: unaryBackward(assembly, "tanhBackward", (f, gradOut, y) => {
      const value = f.let(y);
      return mul(gradOut, sub(one, mul(value, value)));
    }),
    sigmoidBackward: unaryBackward(assembly, "sigmoidBackward", (f, gradOut, y) => {
      const value = f.let(y);
      return mul(mul(gradOut, value), sub(one, value));
    }),
    reluBackward: unaryBackward(assembly, "reluBackward", (_, gradOut, x) => v128.and(gradOut, f32x4.gt(x, all(0)))),
    geluBackward: unaryBackward(assembly, "geluBackward", geluSlope),
    geluTanhBackward: unaryBackward(assembly, "geluTanhBackward", geluTanhSlope),
    siluBackward: unaryBackward(assembly, "siluBackward", (f, gradOut, x) => {
      const value = f.let(x);
      const s = f.let(logistic(f, value));
      return mul(mul(gradOut, s), add(one, mul(value, sub(one, s))));
    }),
  };
}

/** gradOut · (Φ(x) + x φ(x)), φ being the normal density. */
function geluSlope(f: FunctionBody, gradOut: V128, x: V128): V128 {
  const value = f.let(x);
  const density = f.let(mul(exp(f, mul(mul(value, value), all(-0.5))), all(NORMAL_PEAK)));
  return mul(gradOut, add(mul(half, twicePhi(f, value)), mul(value, density)));
}

/** gradOut · ((1 + tanh u) / 2 + x (1 - tanh² u) u′ / 2). */
function geluTanhSlope(f: FunctionBody, gradOut: V128, x: V128): V128 {
  const value = f.let(x);
  const square: Local<"v128"> = f.let(mul(value, value));
  const t = f.let(geluTangent(f, value, square));
  const slope = add(all(GELU_SLOPE), mul(square, all(3 * GELU_CUBIC * GELU_SLOPE)));
  return mul(mul(gradOut, half), add(add(one, t), mul(mul(value, sub(one, mul(t, t))), slope)));
}
