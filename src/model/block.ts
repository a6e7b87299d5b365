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
export function makeNorm(init: Initializer, config: ResolvedConfig): LayerNorm | RMSNorm {
  const { norm, dModel, normBias, normEps, normOffset } = config;
  return norm === "layerNorm"
    ? new LayerNorm(init, dModel, { bias: normBias, eps: normEps })
    : new RMSNorm(init, dModel, { eps: normEps, offset: normOffset });
}

/**
 * A transformer block: x + attention(norm1(x)), then x + feedForward(norm2(x)) (Xiong et al. 2020, "pre-norm"). Some families
 * normalise what comes out of a branch, instead or as well; others add both branches side by side.
 */
export class TransformerBlock extends Module {
  readonly norm1: LayerNorm | RMSNorm | undefined;
  readonly attention: MultiHeadAttention;
  readonly postNorm1: LayerNorm | RMSNorm | undefined;
  readonly norm2: LayerNorm | RMSNorm | undefined;
  readonly feedForward: FeedForward;
  readonly postNorm2: LayerNorm | RMSNorm | undefined;
  readonly #parallel: boolean;

  constructor(init: Initializer, config: ResolvedConfig) {
    super();
    const std = initStd(config.dModel);
    // 2 · nLayers branches add up in the residual stream; their last projections start smaller (GPT-2, §2.3).
    const stds = { std, outStd: std / Math.sqrt(2 * config.nLayers) };
    const normIf = (wanted: boolean): LayerNorm | RMSNorm | undefined => (wanted ? makeNorm(init, config) : undefined);
    const [before, after] = [config.normPlacement !== "post", config.normPlacement !== "pre"];
    this.norm1 = normIf(before);
    this.attention = new MultiHeadAttention(init, config, stds);
    this.postNorm1 = normIf(after);
    this.norm2 = normIf(before);
    this.feedForward = new FeedForward(init, config, stds);
    this.postNorm2 = normIf(after);
    this.#parallel = config.parallelBlocks;
  }

  /** [batch, seq, dModel] → [batch, seq, dModel] */
  forward(x: Tensor, context: AttentionContext): Tensor {
    const { observe } = context;
    const normed = (norm: LayerNorm | RMSNorm | undefined, name: string, value: Tensor): Tensor => {
      if (norm === undefined) return value;
      const out = norm.forward(value);
      observe?.(name, out);
      return out;
    };
    const attended = this.attention.forward(normed(this.norm1, "norm1", x), {
      ...context,
      observe: observeUnder(observe, "attention"),
    });
    observe?.("attention", attended);
    const between = add(x, normed(this.postNorm1, "postNorm1", attended));
    observe?.("between", between);
    const fed = this.feedForward.forward(normed(this.norm2, "norm2", this.#parallel ? x : between), {
      ...context,
      observe: observeUnder(observe, "feedForward"),
    });
    observe?.("feedForward", fed);
    return add(between, normed(this.postNorm2, "postNorm2", fed));
  }
}
