/** Multi-head attention: every token asks the tokens before it for what it needs (Vaswani et al. 2017, §3.2.2). */
import { attention, attentionMaps } from "../ops/attention.ts";
import { concat, reshape, slice, transpose } from "../ops/layout.ts";
import { rotary } from "../ops/rotary.ts";
import type { RotaryTable } from "../ops/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import type { Initializer } from "./init.ts";
import type { KVCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import type { ForwardContext } from "./module.ts";
import { RMSNorm } from "./norm.ts";

/** Sizes and settings of an attention layer. */
export interface AttentionConfig {
  /** Width of the residual stream. */
  dModel: number;
  /** Query heads. */
  nHeads: number;
  /** Key/value heads; nHeads is a multiple of it. */
  nKvHeads: number;
  /** Width of one head. */
  headDim: number;
  /** Whether the projection back into the residual stream adds a shift. */
  bias: boolean;
  /** Whether those to queries, keys and values do. */
  qkvBias: boolean;
  /** RMSNorm of queries and keys: of each head, or of all heads together. */
  qkNorm: "none" | "head" | "all";
  /** What a norm adds to its mean square before the root. */
  normEps: number;
  /** What a norm adds to its weights. */
  normOffset: number;
  /** Factor on the scores. */
  attentionScale: number;
  /** Scores are bent into ± this; null: they are not. */
  attentionSoftcap: number | null;
  /** Probability that an element of the output is dropped while training. */
  dropout: number;
  /** Which elements rotary positions turn together. */
  rotaryPairing: "halves" | "pairs";
}

/** What attention needs besides its input. */
export interface AttentionContext extends ForwardContext {
  /** Index of the layer, for the cache. */
  layer: number;
  /** Past keys and values; the new ones are appended. Only inside `noGrad`, since a cache keeps no graph. */
  kvCache?: KVCache;
  /** Angles, where positions are rotary. */
  rotaryTable?: RotaryTable;
  /** How many tokens each one sees at most, itself included; all of them if absent. */
  window?: number;
}

/** Causal self-attention with `nHeads` query heads over `nKvHeads` key/value heads. */
export class MultiHeadAttention extends Module {
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly outProj: Linear;
  readonly qNorm: RMSNorm | undefined;
  readonly kNorm: RMSNorm | undefined;
  readonly #config: AttentionConfig;
  readonly #dropout: Dropout;

  /** @param std standard deviation of the initial weights; @param outStd that of the projection back into the residual stream */
  constructor(init: Initializer, config: AttentionConfig, { std, outStd }: { std: number; outStd: number }) {
    super();
    const { dModel, nHeads, nKvHeads, headDim, bias, qkvBias, qkNorm, normEps, normOffset } = config;
    this.qProj = new Linear(init, dModel, nHeads * headDim, { bias: qkvBias, std });
    this.kProj = new Linear(init, dModel, nKvHeads * headDim, { bias: qkvBias, std });
    this.vProj = new Linear(init, dModel, nKvHeads * headDim, { bias: qkvBias, std });
    this.outProj = new Linear(init, nHeads * headDim, dModel, { bias, std: outStd });
    const norm = (heads: number): RMSNorm | undefined =>
      qkNorm === "none"
        ? undefined
        : new RMSNorm(init, qkNorm === "all" ? heads * headDim : headDim, { eps: normEps, offset: normOffset });
    this.qNorm = norm(nHeads);
    this.kNorm = norm(nKvHeads);
    this.#config = config;
    this.#dropout = new Dropout(config.dropout);
  }

  /** [batch, seq, dModel] → [batch, seq, dModel] */
  forward(x: Tensor, context: AttentionContext): Tensor {
    const [batch, seq] = x.shape;
    const { nHeads, nKvHeads, headDim } = this.#config;
    const { attentionScale: scale, attentionSoftcap } = this.#config;
    const { kvCache, layer, observe, window } = context;
    const query = this.#turn(this.#heads(this.qProj.forward(x), nHeads, this.qNorm), context); // [batch, nHeads, seq, headDim]
    const newKeys = this.#turn(this.#heads(this.kProj.forward(x), nKvHeads, this.kNorm), context); // [batch, nKvHeads, seq, headDim]
    const newValues = splitHeads(this.vProj.forward(x), nKvHeads, headDim); // [batch, nKvHeads, seq, headDim]
    const { keys, values, keyLen } = kvCache?.append(layer, newKeys, newValues) ?? {
      keys: newKeys,
      values: newValues,
      keyLen: seq,
    };
    const options = { keyLen, scale, window, softcap: attentionSoftcap ?? undefined };
    if (observe !== undefined) {
      const { scores, weights } = attentionMaps(query, keys, options); // [batch, nHeads, seq, keyLen]
      for (const [name, value] of Object.entries({ query, keys: newKeys, values: newValues, scores, weights }))
        observe(name, value);
    }
    const mixed = attention(query, keys, values, options); // [batch, nHeads, seq, headDim]
    const merged = reshape(transpose(mixed, 1, 2), [batch, seq, nHeads * headDim]);
    observe?.("mixed", merged);
    return this.#dropout.forward(this.outProj.forward(merged), context);
  }

  /** [batch, seq, heads · headDim] → [batch, heads, seq, headDim], normalised if there is a norm. */
  #heads(x: Tensor, heads: number, norm: RMSNorm | undefined): Tensor {
    const { headDim, qkNorm } = this.#config;
    if (norm === undefined) return splitHeads(x, heads, headDim);
    return qkNorm === "all" ? splitHeads(norm.forward(x), heads, headDim) : norm.forward(splitHeads(x, heads, headDim));
  }

  /** Turns the elements that the table is for; the rest of each head stays. */
  #turn(heads: Tensor, { rotaryTable: table, kvCache }: AttentionContext): Tensor {
    if (table === undefined) return heads;
    const options = { table, pairing: this.#config.rotaryPairing, offset: kvCache?.length ?? 0 };
    const end = table.headDim;
    if (end === this.#config.headDim) return rotary(heads, options);
    return concat([rotary(slice(heads, { axis: 3, end }), options), slice(heads, { axis: 3, start: end })], {
      axis: 3,
    });
  }
}

/** [batch, seq, heads · headDim] → [batch, heads, seq, headDim] */
function splitHeads(x: Tensor, heads: number, headDim: number): Tensor {
  const [batch, seq] = x.shape;
  return transpose(reshape(x, [batch, seq, heads, headDim]), 1, 2);
}
