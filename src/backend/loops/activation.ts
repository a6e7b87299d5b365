/** Activation functions, each beside its derivative. */
import * as math from "../math.ts";

/** 1 / √(2π): the height of the normal density. */
const NORMAL_PEAK = 0.3989422804014327;
/** √(2/π) and the cubic coefficient of the tanh approximation (Hendrycks and Gimpel, "Gaussian Error Linear Units", section 2). */
const GELU_SLOPE = 0.7978845608028654;
const GELU_CUBIC = 0.044715;

/** y = tanh x. */
export function tanh(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = math.tanh(x[i]);
}

/** gradX = gradOut · (1 - y²), from the output y. */
export function tanhBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  y: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) gradX[i] = gradOut[i] * (1 - y[i] * y[i]);
}

/** y = 1 / (1 + e^-x). */
export function sigmoid(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = 1 / (1 + math.exp(-x[i]));
}

/** gradX = gradOut · y (1 - y), from the output y. */
export function sigmoidBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  y: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) gradX[i] = gradOut[i] * y[i] * (1 - y[i]);
}

/** y = max(x, 0); NaN stays NaN. */
export function relu(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = x[i] <= 0 ? 0 : x[i];
}

/** gradX = gradOut where x > 0, else 0. */
export function reluBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) gradX[i] = x[i] > 0 ? gradOut[i] : 0;
}

/** y = x Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2, the part of the normal distribution below x. */
export function gelu(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = x[i] * math.normalCdf(x[i]);
}

/** gradX = gradOut · (Φ(x) + x φ(x)), φ being the normal density. */
export function geluBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const value = x[i];
    const density = NORMAL_PEAK * math.exp(-0.5 * value * value);
    gradX[i] = gradOut[i] * (math.normalCdf(value) + value * density);
  }
}

/** y = x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³). As x / (1 + e^-2u) it loses no digits where tanh u is near -1. */
export function geluTanh(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) {
    const value = x[i];
    const u = GELU_SLOPE * value * (1 + GELU_CUBIC * value * value);
    out[i] = value / (1 + math.exp(-2 * u));
  }
}

/** gradX = gradOut · (s + x s (1 - s) 2u′) with s = 1 / (1 + e^-2u). */
export function geluTanhBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const value = x[i];
    const square = value * value;
    const s = 1 / (1 + math.exp(-2 * GELU_SLOPE * value * (1 + GELU_CUBIC * square)));
    const slope = GELU_SLOPE * (1 + 3 * GELU_CUBIC * square);
    gradX[i] = gradOut[i] * s * (1 + 2 * value * (1 - s) * slope);
  }
}

/** y = x / (1 + e^-x). */
export function silu(out: Float32Array, x: Float32Array, begin: number, end: number): void {
  for (let i = begin; i < end; i++) out[i] = x[i] / (1 + math.exp(-x[i]));
}

/** gradX = gradOut · s (1 + x (1 - s)) with s = 1 / (1 + e^-x). */
export function siluBackward(
  gradX: Float32Array,
  gradOut: Float32Array,
  x: Float32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const s = 1 / (1 + math.exp(-x[i]));
    gradX[i] = gradOut[i] * s * (1 + x[i] * (1 - s));
  }
}
