/**
 * The gradient of attention, with S = scale · q kᵀ, P = softmax(S) and O = P v (Dao et al. 2022, "FlashAttention", appendix B.2):
 *
 *   gradV = Pᵀ gradO;  gradP = gradO vᵀ;  gradS = P ∘ (gradP - rowsum(gradO ∘ O));  gradQ = scale · gradS k;  gradK = scale · gradSᵀ q
 *
 * P is made again from the scores and the kept ln Σ e^score, for four queries at a time, so no [seq, keyLen] matrix exists here either.
 */
import type { AttentionSizes } from "../backend.ts";
import { exp } from "../math.ts";
import { firstKey, visibleKeys } from "./attention.ts";
import { addFourOuter, addWeightedRows, dotRows } from "./rows.ts";

/** Queries handled together. */
const BLOCK = 4;

// Private scratch, grown to the largest sizes seen. Gradients of keys and values collect in double precision: they are
// sums over all queries of all heads of a group.
let keySums = new Float64Array(0); // [keyLen, headDim]
let valueSums = new Float64Array(0); // [keyLen, headDim]
let weightRows = new Float64Array(0); // [BLOCK, keyLen]
let scoreGrads = new Float64Array(0); // [BLOCK, keyLen]
let queryRows = new Float64Array(0); // [BLOCK, headDim]
let outGrads = new Float64Array(0); // [BLOCK, headDim]
let queryGrad = new Float64Array(0); // [headDim]

function growScratch(keyLen: number, headDim: number): void {
  if (keySums.length < keyLen * headDim) {
    keySums = new Float64Array(keyLen * headDim);
    valueSums = new Float64Array(keyLen * headDim);
  }
  if (weightRows.length < BLOCK * keyLen) {
    weightRows = new Float64Array(BLOCK * keyLen);
    scoreGrads = new Float64Array(BLOCK * keyLen);
  }
  if (queryGrad.length < headDim) {
    queryRows = new Float64Array(BLOCK * headDim);
    outGrads = new Float64Array(BLOCK * headDim);
    queryGrad = new Float64Array(headDim);
  }
}

/** See `Kernels.attentionBackward`: begin, end over batch · nKvHeads, so all heads that share keys are summed in one place. */
export function attentionBackward(
  gradQ: Float32Array,
  gradK: Float32Array,
  gradV: Float32Array,
  gradOut: Float32Array,
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
  const { nHeads, nKvHeads, seq, keyLen, keyRows, headDim } = sizes;
  const group = nHeads / nKvHeads;
  const size = keyLen * headDim;
  growScratch(keyLen, headDim);
  for (let kvHead = begin; kvHead < end; kvHead++) {
    keySums.fill(0, 0, size);
    valueSums.fill(0, 0, size);
    const keys = kvHead * keyRows * headDim;
    // Heads of a group are neighbours, so head = kvHead · group + member holds across the batch as well.
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      for (let i = 0; i < seq; i += BLOCK) {
        const count = Math.min(BLOCK, seq - i);
        for (let t = 0; t < BLOCK; t++) {
          if (t < count) queryBackward(t, i + t, head, keys, gradQ, gradOut, out, logSumExp, q, k, v, sizes, scale);
          else clearQuery(t, keyLen, headDim);
        }
        const visible = visibleKeys(sizes, i + count - 1);
        addFourOuter(keySums, scoreGrads, keyLen, queryRows, visible, headDim);
        addFourOuter(valueSums, weightRows, keyLen, outGrads, visible, headDim);
      }
    }
    for (let e = 0; e < size; e++) gradK[keys + e] = keySums[e];
    for (let e = 0; e < size; e++) gradV[keys + e] = valueSums[e];
    gradK.fill(0, keys + size, keys + keyRows * headDim);
    gradV.fill(0, keys + size, keys + keyRows * headDim);
  }
}

/** Weights, score gradients and gradQ of query i of `head`; the first two and copies of its vectors go to place t of the block. */
function queryBackward(
  t: number,
  i: number,
  head: number,
  keys: number,
  gradQ: Float32Array,
  gradOut: Float32Array,
  out: Float32Array,
  logSumExp: Float32Array,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  sizes: AttentionSizes,
  scale: number,
): void {
  const { seq, keyLen, headDim } = sizes;
  const query = (head * seq + i) * headDim;
  const vector = t * headDim;
  let rowDot = 0;
  for (let d = 0; d < headDim; d++) {
    const grad = gradOut[query + d];
    queryRows[vector + d] = q[query + d] * scale;
    outGrads[vector + d] = grad;
    rowDot += grad * out[query + d];
  }
  const row = t * keyLen;
  const visible = visibleKeys(sizes, i);
  dotRows(weightRows, row, queryRows, vector, k, keys, visible, headDim);
  dotRows(scoreGrads, row, outGrads, vector, v, keys, visible, headDim);
  const lse = logSumExp[head * seq + i];
  weightsAndGrads(row, visible, lse === -Infinity ? 0 : lse, rowDot);
  // A block reaches from the first key to the last that any of its queries sees; what this one does not see counts nothing.
  for (const grads of [weightRows, scoreGrads]) {
    grads.fill(0, row, row + firstKey(sizes, i));
    grads.fill(0, row + visible, row + keyLen);
  }
  queryGrad.fill(0, 0, headDim);
  addWeightedRows(queryGrad, scoreGrads, row, k, keys, visible, headDim);
  for (let d = 0; d < headDim; d++) gradQ[query + d] = queryGrad[d] * scale;
}

/** In place: scores to weights P, gradP to gradS = P (gradP - rowDot). */
function weightsAndGrads(row: number, count: number, lse: number, rowDot: number): void {
  const weights = weightRows;
  const grads = scoreGrads;
  for (let j = row; j < row + count; j++) {
    const weight = exp(weights[j] - lse);
    weights[j] = weight;
    grads[j] = weight * (grads[j] - rowDot);
  }
}

/** Makes place t of a block that has fewer queries count nothing. */
function clearQuery(t: number, keyLen: number, headDim: number): void {
  weightRows.fill(0, t * keyLen, (t + 1) * keyLen);
  scoreGrads.fill(0, t * keyLen, (t + 1) * keyLen);
  queryRows.fill(0, t * headDim, (t + 1) * headDim);
  outGrads.fill(0, t * headDim, (t + 1) * headDim);
}
