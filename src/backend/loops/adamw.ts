/** The AdamW update (Loshchilov and Hutter 2019, algorithm 2), as PyTorch writes it. */
import type { AdamWScalars } from "../backend.ts";

/** One step: decay the parameter, update both moments, move against the bias-corrected ratio. */
export function adamW(
  paramOut: Float32Array,
  mOut: Float32Array,
  vOut: Float32Array,
  param: Float32Array,
  grad: Float32Array,
  m: Float32Array,
  v: Float32Array,
  scalars: AdamWScalars,
  begin: number,
  end: number,
): void {
  const { learningRate, beta1, beta2, eps, weightDecay, correction1, correction2, gradScale } = scalars;
  const kept = 1 - learningRate * weightDecay;
  const stepSize = learningRate / correction1;
  const rootCorrection2 = Math.sqrt(correction2);
  for (let i = begin; i < end; i++) {
    const g = grad[i] * gradScale;
    const first = beta1 * m[i] + (1 - beta1) * g;
    const second = beta2 * v[i] + (1 - beta2) * g * g;
    mOut[i] = first;
    vOut[i] = second;
    paramOut[i] = param[i] * kept - (stepSize * first) / (Math.sqrt(second) / rootCorrection2 + eps);
  }
}
