/** Scaled dot-product attention: which earlier token matters to which (Vaswani et al. 2017, §3.2.1, eq. 1). */
import { kernels } from "../backend/current.ts";
import type { AttentionSizes } from "../backend/backend.ts";
import { noGrad, record } from "../autograd/graph.ts";
import { ConfigError, ShapeError, checkInteger, checkNumber, checkOptions } from "../errors.ts";
import { allocate, allocateZeros } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Tensor, checkTensor } from "../tensor/tensor.ts";
import { add, div, mul } from "./arithmetic.ts";
import { reshape, slice, transpose } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { tanh } from "./pointwise.ts";
import { softmax } from "./softmax.ts";

/** Options of `attention`. */
export interface AttentionOptions {
  /** Whether a query sees only keys up to its own place; with more keys than queries the queries are the last ones. Default true. */
  causal?: boolean;
  /** Factor on the scores. Default 1 / √headDim. */
  scale?: number;
  /** A causal query sees only so many keys, its own and those just before it (Beltagy et al. 2020, Longformer, §3.1). Default all. */
  window?: number;
  /** Bends scores into (-softcap, softcap) by softcap · tanh(score / softcap) (Gemma 2, §2). Whole matrices of scores exist then. Default none. */
  softcap?: number;
  /** How many rows of k and v hold keys; the rest is room for later ones, as in a cache. Default all. */
  keyLen?: number;
}

/**
 * softmax(q kᵀ · scale) v for every head.
 *
 * Several query heads may share one key/value head (grouped-query attention, Ainslie et al. 2023): nHeads is then a
 * multiple of nKvHeads, and neighbours share.
 *
 * @param q [batch, nHeads, seq, headDim]
 * @param k [batch, nKvHeads, keys, headDim]
 * @param v as k
 * @returns [batch, nHeads, seq, headDim]
 * @throws ShapeError if q, k and v do not fit together or keyLen does not fit them, ConfigError for an unknown option or a
 *   scale that is not finite
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { sizes, scale } = plan("attention", q, k, v, options);
  if (options.softcap !== undefined) return cappedAttention(q, k, v, sizes, scale, options.softcap);
  const { batch, nHeads, nKvHeads, seq } = sizes;
  const out = allocate(q.size);
  const logSumExp = allocate(batch * nHeads * seq);
  kernels().attention(out, logSumExp, q.data, k.data, v.data, sizes, scale, 0, batch * nHeads);
  return record("attention", out, q.shape, [q, k, v], (gradOut) => {
    const gradQ = allocate(q.size);
    const gradK = allocate(k.size); // the kernel writes rows beyond keyLen as 0
    const gradV = allocate(v.size);
    kernels().attentionBackward(
      gradQ,
      gradK,
      gradV,
      gradOut,
      out,
      logSumExp,
      q.data,
      k.data,
      v.data,
      sizes,
      scale,
      0,
      batch * nKvHeads,
    );
    return [gradQ, gradK, gradV];
  });
}

function plan(
  operation: string,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): { sizes: AttentionSizes; scale: number } {
  for (const [name, value] of Object.entries({ q, k, v })) checkTensor(operation, name, value);
  checkOptions(operation, options, ["causal", "scale", "keyLen", "window", "softcap"]);
  const shapes = `q is ${formatShape(q.shape)}, k is ${formatShape(k.shape)}, v is ${formatShape(v.shape)}`;
  const details = { q: q.shape, k: k.shape, v: v.shape };
  if (q.shape.length !== 4 || k.shape.length !== 4)
    throw new ShapeError(`${operation}: needs [batch, heads, seq, headDim] three times: ${shapes}`, details);
  const [batch, nHeads, seq, headDim] = q.shape;
  const [, nKvHeads, keyRows] = k.shape;
  if (!sameShape(k.shape, v.shape) || k.shape[0] !== batch || k.shape[3] !== headDim || nHeads % nKvHeads !== 0) {
    throw new ShapeError(
      `${operation}: k and v must agree with each other, and with q in batch and headDim, and their heads must divide q's: ${shapes}`,
      details,
    );
  }
  const {
    causal = true,
    scale = 1 / Math.sqrt(headDim),
    keyLen = keyRows,
    window = 2 ** 31 - 1,
    softcap = 1,
  } = options;
  checkNumber(operation, "scale", scale, -Number.MAX_VALUE);
  checkInteger(operation, "window", window, 1);
  checkNumber(operation, "softcap", softcap, Number.MIN_VALUE);
  if (options.window !== undefined && !causal) throw new ConfigError(`${operation}: window needs causal attention`);
  if (!Number.isInteger(keyLen) || keyLen < 1 || keyLen > keyRows || (causal && keyLen < seq)) {
    throw new ShapeError(`${operation}: keyLen ${keyLen} must be from ${causal ? seq : 1} to ${keyRows}: ${shapes}`, {
      ...details,
      keyLen,
    });
  }
  return { sizes: { batch, nHeads, nKvHeads, seq, keyLen, keyRows, headDim, causal: causal ? 1 : 0, window }, scale };
}

/**
 * What `attention` computes on its way and never stores, for those who want to look: the plain formula, written with
 * matrices of every query against every key. Nothing is recorded for `backward`.
 *
 * @returns scores before softmax (-Infinity where a query may not look) and weights after it, both [batch, nHeads, seq, keyLen]
 */
export function attentionMaps(
  q: Tensor,
  k: Tensor,
  options: AttentionOptions = {},
): { scores: Tensor; weights: Tensor } {
  const { sizes, scale } = plan("attentionMaps", q, k, k, options);
  return noGrad(() => {
    const scores = scoreMatrix(q, k, sizes, scale, options.softcap);
    return { scores, weights: softmax(scores) };
  });
}

/** Attention by the plain formula, which is where scores can be bent before the softmax. */
function cappedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  sizes: AttentionSizes,
  scale: number,
  softcap: number,
): Tensor {
  const { batch, nHeads, nKvHeads, seq, keyLen } = sizes;
  const weights = softmax(scoreMatrix(q, k, sizes, scale, softcap));
  const grouped = reshape(weights, [batch, nKvHeads, (nHeads / nKvHeads) * seq, keyLen]);
  return reshape(matmul(grouped, slice(v, { axis: 2, end: keyLen })), q.shape);
}

/** scale · q kᵀ, bent and masked as asked for: [batch, nHeads, seq, keyLen]. */
function scoreMatrix(q: Tensor, k: Tensor, sizes: AttentionSizes, scale: number, softcap: number | undefined): Tensor {
  const { batch, nHeads, nKvHeads, seq, keyLen, headDim, causal } = sizes;
  const grouped = reshape(q, [batch, nKvHeads, (nHeads / nKvHeads) * seq, headDim]); // heads that share keys are neighbours
  const keys = slice(k, { axis: 2, end: keyLen }); // [batch, nKvHeads, keyLen, headDim]
  const products = reshape(mul(matmul(grouped, transpose(keys)), scale), [batch, nHeads, seq, keyLen]);
  const scores = softcap === undefined ? products : mul(tanh(div(products, softcap)), softcap);
  return causal ? add(scores, causalMask(sizes)) : scores;
}

/** [seq, keyLen]: 0 where query i may attend to key j, that is keyLen - seq + i - window < j <= keyLen - seq + i, and -Infinity elsewhere. */
function causalMask({ seq, keyLen, window }: AttentionSizes): Tensor {
  const mask = allocateZeros(seq * keyLen);
  for (let i = 0; i < seq; i++) {
    const row = mask.subarray(i * keyLen, (i + 1) * keyLen);
    const end = keyLen - seq + i + 1;
    row.fill(-Infinity, 0, Math.max(0, end - window));
    row.fill(-Infinity, end);
  }
  return new Tensor(mask, [seq, keyLen]);
}
