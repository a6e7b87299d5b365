/** Multi-head attention: every token asks the tokens before it for what it needs (Vaswani et al. 2017, §3.2.2). */
import { attention, attentionMaps } from "../ops/attention.ts";
import { reshape, transpose } from "../ops/layout.ts";
import { rotary } from "../ops/rotary.ts";
import type { RotaryTable } from "../ops/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import type { Initializer } from "./init.ts";
import type { KVCache } from "./kv-cache.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import type { ForwardContext } from "./module.ts";

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
  /** Whether the projections add a shift. */
  bias: boolean;
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
}

/** Causal self-attention with `nHeads` query heads over `nKvHeads` key/value heads. */
export class MultiHeadAttention extends Module {
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly outProj: Linear;
  readonly #config: AttentionConfig;
  readonly #dropout: Dropout;

  /** @param std standard deviation of the initial weights; @param outStd that of the projection back into the residual stream */
  constructor(init: Initializer, config: AttentionConfig, { std, outStd }: { std: number; outStd: number }) {
    super();
    const { dModel, nHeads, nKvHeads, headDim, bias } = config;
    this.qProj = new Linear(init, dModel, nHeads * headDim, { bias, std });
    this.kProj = new Linear(init, dModel, nKvHeads * headDim, { bias, std });
    this.vProj = new Linear(init, dModel, nKvHeads * headDim, { bias, std });
    this.outProj = new Linear(init, nHeads * headDim, dModel, { bias, std: outStd });
    this.#config = config;
    this.#dropout = new Dropout(config.dropout);
  }

  /** [batch, seq, dModel] → [batch, seq, dModel] */
  forward(x: Tensor, context: AttentionContext): Tensor {
    const [batch, seq] = x.shape;
    const { nHeads, nKvHeads, headDim } = this.#config;
    const { kvCache, layer, observe } = context;
    const query = this.#turn(splitHeads(this.qProj.forward(x), nHeads, headDim), context); // [batch, nHeads, seq, headDim]
    const newKeys = this.#turn(splitHeads(this.kProj.forward(x), nKvHeads, headDim), context); // [batch, nKvHeads, seq, headDim]
    const newValues = splitHeads(this.vProj.forward(x), nKvHeads, headDim); // [batch, nKvHeads, seq, headDim]
    const { keys, values, keyLen } = kvCache?.append(layer, newKeys, newValues) ?? {
      keys: newKeys,
      values: newValues,
      keyLen: seq,
    };
    if (observe !== undefined) {
      const { scores, weights } = attentionMaps(query, keys, { keyLen }); // [batch, nHeads, seq, keyLen]
      for (const [name, value] of Object.entries({ query, keys: newKeys, values: newValues, scores, weights }))
        observe(name, value);
    }
    const mixed = attention(query, keys, values, { keyLen }); // [batch, nHeads, seq, headDim]
    const merged = reshape(transpose(mixed, 1, 2), [batch, seq, nHeads * headDim]);
    observe?.("mixed", merged);
    return this.#dropout.forward(this.outProj.forward(merged), context);
  }

  #turn(heads: Tensor, { rotaryTable, kvCache }: AttentionContext): Tensor {
    if (rotaryTable === undefined) return heads;
    return rotary(heads, { table: rotaryTable, pairing: this.#config.rotaryPairing, offset: kvCache?.length ?? 0 });
  }
}

/** [batch, seq, heads · headDim] → [batch, heads, seq, headDim] */
function splitHeads(x: Tensor, heads: number, headDim: number): Tensor {
  const [batch, seq] = x.shape;
  return transpose(reshape(x, [batch, seq, heads, headDim]), 1, 2);
}
