/**
 * Activation functions, each beside its derivative; see loops/activation.ts.
 *
 * silu, gelu and the tanh approximation of gelu are one function, y = x σ(v) with σ(v) = 1 / (1 + e^-v) and an odd v(x) = x S(x²).
 * So y′ = σ + x σ (1 - σ) v′, and with S = Σ cₖ x²ᵏ, v′ = Σ (2k + 1) cₖ x²ᵏ.
 */
import { f32x4, v128 } from "./assembler.ts";
import type { V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import type { Assembly } from "./kernel.ts";
import { constants, exp, exp2, polynomial, tanh } from "./math.ts";
import { addUnary, addUnaryBackward } from "./unary.ts";

const { add, div, mul, neg, pmin, sub } = f32x4;

/** v = x. */
const SILU = [1];
/** v = 2 √(2/π) (x + 0.044715 x³), because (1 + tanh u) / 2 = σ(2u). */
const GELU_TANH = [1.5957691216057308, 1.5957691216057308 * 0.044715];
/**
 * v with σ(v) = Φ(x), the normal distribution, for |x| <= 6. The fit is a minimax one (least squares reweighted, Lawson
 * 1961): σ(v) is in error by at most 2.3e-8, and x σ(v) for x < 0 by 3.8e-6 · max(1e-3, |y|).
 */
const GELU = [
  1.595769718097, 0.0726673535432113, -6.74179231648679e-5, -0.000108911196853269, 7.30262677228794e-6,
  -1.4413666215364e-7, -8.8370374217011e-9, 6.6401912930498e-10, -1.71701884168229e-11, 1.63493567583423e-13,
];

const GATED = { gelu: GELU, geluTanh: GELU_TANH, silu: SILU };

/** Adds activation functions to the module. */
export function addActivations(assembly: Assembly): void {
  const one = (f: FunctionBody): V128 => constants(f)(1);
  const zero = (f: FunctionBody): V128 => constants(f)(0);
  addUnary(assembly, "tanh", tanh);
  addUnaryBackward(assembly, "tanhBackward", (f, gradOut, y) => mul(gradOut, sub(one(f), mul(y, y))));
  addUnary(assembly, "sigmoid", (f, x) => div(one(f), add(one(f), exp(f, neg(x)))));
  addUnaryBackward(assembly, "sigmoidBackward", (f, gradOut, y) => mul(mul(gradOut, y), sub(one(f), y)));
  // NaN compares as false, and stays.
  addUnary(assembly, "relu", (f, x) => v128.andnot(x, f32x4.le(x, zero(f))));
  addUnaryBackward(assembly, "reluBackward", (f, gradOut, x) => v128.and(gradOut, f32x4.gt(x, zero(f))));
  for (const name of Object.keys(GATED) as (keyof typeof GATED)[]) {
    addUnary(assembly, name, (f, x) => div(x, add(one(f), power(f, x, GATED[name]))));
    addUnaryBackward(assembly, `${name}Backward`, (f, gradOut, x) => mul(gradOut, gatedSlope(f, x, GATED[name])));
  }
}

/** Σ cₖ x²ᵏ, times `factor`. */
function even(f: FunctionBody, x: V128, coefficients: readonly number[], factor = 1): V128 {
  const scaled = coefficients.map((coefficient) => coefficient * factor);
  const [first, second] = scaled.map(constants(f));
  if (scaled.length === 1) return first;
  // Beyond |x| = 6, x σ(v) hardly differs from 0 or x. There v goes on as a line: no fit holds for ever, and powers overflow.
  const square = f.let(pmin(mul(x, x), constants(f)(36)));
  if (scaled.length === 2) return add(mul(square, second), first);
  return polynomial(f, square, f.let(mul(square, square)), scaled);
}

/** e^-v. Where v has to be computed, log₂ e goes into its coefficients; where it is x itself, `exp` is more exact. */
function power(f: FunctionBody, x: V128, coefficients: readonly number[]): V128 {
  return coefficients === SILU ? exp(f, neg(x)) : exp2(f, mul(x, even(f, x, coefficients, -Math.LOG2E)));
}

/** σ + x σ (1 - σ) v′, multiplied in pairs of which neither overflows. */
function gatedSlope(f: FunctionBody, x: V128, coefficients: readonly number[]): V128 {
  const one = constants(f)(1);
  const e = f.let(power(f, x, coefficients));
  const s = f.let(div(one, add(one, e)));
  // 1 - σ = e^-v σ, which loses no digits; where e^-v is infinite and σ is 0, pmin leaves 1.
  const rest = pmin(one, mul(e, s));
  const derivative = coefficients.map((coefficient, k) => (2 * k + 1) * coefficient);
  const slope = even(f, x, derivative);
  return add(s, mul(mul(x, s), mul(rest, slope)));
}
