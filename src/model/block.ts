/** One layer of the decoder: attention, then feed-forward, each added to the residual stream. */
import { MultiHeadAttention } from "../nn/attention.ts";
import type { AttentionContext } from "../nn/attention.ts";
import { FeedForward } from "../nn/feed-forward.ts";
import type { Initializer } from "../nn/init.ts";
import { Module, observeUnder } from "../nn/module.ts";
import { LayerNorm, RMSNorm } from "../nn/norm.ts";
import { add } from "../ops/arithmetic.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ResolvedConfig } from "./config.ts";

/**
 * Standard deviation of initial weights: √(2 / (5 · dModel)) (Nguyen & Salazar 2019, "small init"). At GPT-2's width of
 * 768 this is its 0.02; narrower models need more, above all for an embedding that is also the head.
 */
export function initStd(dModel: number): number {
  return Math.sqrt(2 / (5 * dModel));
}

/** The normalisation that a config asks for. */
export function makeNorm(init: Initializer, { norm, dModel, bias, normEps }: ResolvedConfig): LayerNorm | RMSNorm {
  return norm === "layerNorm"
    ? new LayerNorm(init, dModel, { bias, eps: normEps })
    : new RMSNorm(init, dModel, { eps: normEps });
}

/** A pre-norm transformer block (Xiong et al. 2020): x + attention(norm1(x)), then x + feedForward(norm2(x)). */
export class TransformerBlock extends Module {
  readonly norm1: LayerNorm | RMSNorm;
  readonly attention: MultiHeadAttention;
  readonly norm2: LayerNorm | RMSNorm;
  readonly feedForward: FeedForward;

  constructor(init: Initializer, config: ResolvedConfig) {
    super();
    const std = initStd(config.dModel);
    // 2 · nLayers branches add up in the residual stream; their last projections start smaller (GPT-2, §2.3).
    const stds = { std, outStd: std / Math.sqrt(2 * config.nLayers) };
    this.norm1 = makeNorm(init, config);
    this.attention = new MultiHeadAttention(init, config, stds);
    this.norm2 = makeNorm(init, config);
    this.feedForward = new FeedForward(init, config, stds);
  }

  /** [batch, seq, dModel] → [batch, seq, dModel] */
  forward(x: Tensor, context: AttentionContext): Tensor {
    const { observe } = context;
    const normed1 = this.norm1.forward(x);
    observe?.("norm1", normed1);
    const attended = this.attention.forward(normed1, { ...context, observe: observeUnder(observe, "attention") });
    observe?.("attention", attended);
    const between = add(x, attended);
    observe?.("between", between);
    const normed2 = this.norm2.forward(between);
    observe?.("norm2", normed2);
    const fed = this.feedForward.forward(normed2, { ...context, observe: observeUnder(observe, "feedForward") });
    observe?.("feedForward", fed);
    return add(between, fed);
  }
}
