/**
 * Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), forward. Two rungs:
 *
 * 1. `attentionNaive`: the formula step by step, every [seq, keyLen] matrix written out. The reference, and the rung that can show its weights.
 * 2. `attention`: one score row at a time, which stays in the first-level cache; keeps only ln Σ e^score per query, from
 *    which the backward pass makes the weights again (Dao et al. 2022, "FlashAttention", section 3.1).
 */
import type { AttentionSizes } from "../backend.ts";
import { exp, log } from "../math.ts";
import { addWeightedRows, dotRows } from "./rows.ts";
import { rowShift } from "./softmax.ts";

/** The end of the keys that query `i` may attend to. */
export function visibleKeys(sizes: AttentionSizes, i: number): number {
  return sizes.causal === 1 ? sizes.keyLen - sizes.seq + i + 1 : sizes.keyLen;
}

/** The first key that query `i` may attend to: 0 unless a window leaves out the oldest. */
export function firstKey(sizes: AttentionSizes, i: number): number {
  return sizes.causal === 1 ? Math.max(0, visibleKeys(sizes, i) - sizes.window) : 0;
}

/** Where the keys and values of query head `head` (an index over batch · nHeads) begin. */
function keyStart(sizes: AttentionSizes, head: number): number {
  const item = Math.floor(head / sizes.nHeads);
  const kvHead = Math.floor(((head - item * sizes.nHeads) * sizes.nKvHeads) / sizes.nHeads);
  return (item * sizes.nKvHeads + kvHead) * sizes.keyRows * sizes.headDim;
}

/**
 * The unfused attention. scores (scaled, masked ones -Infinity) and weights (their softmax) are outputs, both
 * [batch, nHeads, seq, keyLen]; everything else is as in `Kernels.attention`.
 */
export function attentionNaive(
  out: Float32Array,
  scores: Float32Array,
  weights: Float32Array,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  sizes: AttentionSizes,
  scale: number,
  begin: number,
  end: number,
): void {
  const { seq, keyLen, headDim } = sizes;
  for (let head = begin; head < end; head++) {
    const keys = keyStart(sizes, head);
    for (let i = 0; i < seq; i++) {
      const query = (head * seq + i) * headDim;
      const row = (head * seq + i) * keyLen;
      for (let j = 0; j < keyLen; j++) {
        let score = 0;
        for (let d = 0; d < headDim; d++) score += q[query + d] * k[keys + j * headDim + d];
        const seen = j >= firstKey(sizes, i) && j < visibleKeys(sizes, i);
        scores[row + j] = seen ? score * scale : -Infinity;
      }
      const shift = rowShift(scores, row, keyLen);
      let sum = 0;
      for (let j = 0; j < keyLen; j++) sum += exp(scores[row + j] - shift);
      for (let j = 0; j < keyLen; j++) weights[row + j] = exp(scores[row + j] - shift) / sum;
      for (let d = 0; d < headDim; d++) {
        let value = 0;
        for (let j = 0; j < keyLen; j++) value += weights[row + j] * v[keys + j * headDim + d];
        out[query + d] = value;
      }
    }
  }
}

// Private scratch, grown to the largest sizes seen: one query, one row of scores, one output row, in double precision
// because the products need doubles anyway and so convert each query element once.
let queryRow = new Float64Array(0);
let scoreRow = new Float64Array(0);
let outRow = new Float64Array(0);

/** softmax(scale · q kᵀ, causal) v; see `Kernels.attention`. */
export function attention(
  out: Float32Array,
  logSumExp: Float32Array,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  sizes: AttentionSizes,
  scale: number,
  begin: number,
  end: number,
): void {
  const { seq, keyLen, headDim } = sizes;
  if (scoreRow.length < keyLen) scoreRow = new Float64Array(keyLen);
  if (queryRow.length < headDim) {
    queryRow = new Float64Array(headDim);
    outRow = new Float64Array(headDim);
  }
  for (let head = begin; head < end; head++) {
    const keys = keyStart(sizes, head);
    for (let i = 0; i < seq; i++) {
      const query = (head * seq + i) * headDim;
      const first = firstKey(sizes, i);
      const visible = visibleKeys(sizes, i) - first;
      const seen = keys + first * headDim;
      for (let d = 0; d < headDim; d++) queryRow[d] = q[query + d] * scale;
      dotRows(scoreRow, 0, queryRow, 0, k, seen, visible, headDim);
      const shift = rowShift(scoreRow, 0, visible);
      const sum = exponentials(scoreRow, visible, shift);
      outRow.fill(0, 0, headDim);
      addWeightedRows(outRow, scoreRow, 0, v, seen, visible, headDim);
      const factor = sum === 0 ? 0 : 1 / sum;
      for (let d = 0; d < headDim; d++) out[query + d] = outRow[d] * factor;
      logSumExp[head * seq + i] = shift + log(sum);
    }
  }
}

/** Replaces the first `count` scores by e^(score - shift) and returns their sum. */
function exponentials(scores: Float64Array, count: number, shift: number): number {
  let sum = 0;
  for (let j = 0; j < count; j++) {
    const value = exp(scores[j] - shift);
    scores[j] = value;
    sum += value;
  }
  return sum;
}
