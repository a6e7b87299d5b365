/** Cross-entropy between logits and target tokens, as PyTorch defines it (label smoothing: Szegedy et al. 2016, section 7). */
import { exp } from "../math.ts";
import { rowLogSumExp } from "./softmax.ts";

/** losses [rows] = (1 - s) (lse - logit of the target) + s (lse - mean logit), 0 where ignored; lse = ln Σ e^logit is kept. */
export function crossEntropy(
  losses: Float32Array,
  logSumExp: Float32Array,
  logits: Float32Array,
  targets: Int32Array,
  _rows: number,
  cols: number,
  ignoreIndex: number,
  labelSmoothing: number,
  begin: number,
  end: number,
): void {
  for (let row = begin; row < end; row++) {
    const target = targets[row];
    if (target === ignoreIndex) {
      losses[row] = 0;
      logSumExp[row] = 0; // never read
      continue;
    }
    const start = row * cols;
    const lse = rowLogSumExp(logits, start, cols);
    let loss = lse - logits[start + target];
    // Skipped without smoothing: a logit of -Infinity would make 0 · Infinity of it.
    if (labelSmoothing > 0) {
      let sum = 0;
      for (let c = start; c < start + cols; c++) sum += logits[c];
      loss = (1 - labelSmoothing) * loss + labelSmoothing * (lse - sum / cols);
    }
    losses[row] = loss;
    logSumExp[row] = lse;
  }
}

/** gradLogits = factor · (softmax - (1 - s) one-hot - s / cols), 0 where ignored. */
export function crossEntropyBackward(
  gradLogits: Float32Array,
  logSumExp: Float32Array,
  logits: Float32Array,
  targets: Int32Array,
  _rows: number,
  cols: number,
  ignoreIndex: number,
  labelSmoothing: number,
  factor: number,
  begin: number,
  end: number,
): void {
  const uniform = labelSmoothing / cols;
  for (let row = begin; row < end; row++) {
    const start = row * cols;
    const target = targets[row];
    if (target === ignoreIndex) {
      gradLogits.fill(0, start, start + cols);
      continue;
    }
    const lse = logSumExp[row];
    for (let c = 0; c < cols; c++) {
      const wanted = c === target ? 1 - labelSmoothing + uniform : uniform;
      gradLogits[start + c] = factor * (exp(logits[start + c] - lse) - wanted);
    }
  }
}
