/** What happens to each token by itself between two rounds of attention (Vaswani et al. 2017, §3.3). */
import { mul } from "../ops/arithmetic.ts";
import { gelu, relu, silu } from "../ops/pointwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import type { Initializer } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import type { ForwardContext } from "./module.ts";

/** The non-linearities by name. */
const ACTIVATIONS: Readonly<Record<"gelu" | "geluTanh" | "silu" | "relu", (x: Tensor) => Tensor>> = {
  gelu: (x) => gelu(x),
  geluTanh: (x) => gelu(x, { approximate: "tanh" }),
  silu,
  relu,
};

/** Sizes and settings of a feed-forward layer. */
export interface FeedForwardConfig {
  /** Width of the residual stream. */
  dModel: number;
  /** Inner width. */
  dFf: number;
  /** The non-linearity. */
  activation: keyof typeof ACTIVATIONS;
  /** Whether the activated projection gates a second one: with silu this is SwiGLU (Shazeer 2020, eq. 6). */
  gated: boolean;
  /** Whether the projections add a shift. */
  bias: boolean;
  /** Probability that an element of the output is dropped while training. */
  dropout: number;
}

/** Plain: downProj(f(upProj(x))). Gated: downProj(f(gateProj(x)) · upProj(x)). */
export class FeedForward extends Module {
  readonly gateProj: Linear | undefined;
  readonly upProj: Linear;
  readonly downProj: Linear;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #dropout: Dropout;

  /** @param std standard deviation of the initial weights; @param outStd that of the projection back into the residual stream */
  constructor(init: Initializer, config: FeedForwardConfig, { std, outStd }: { std: number; outStd: number }) {
    super();
    const { dModel, dFf, bias } = config;
    this.gateProj = config.gated ? new Linear(init, dModel, dFf, { bias, std }) : undefined;
    this.upProj = new Linear(init, dModel, dFf, { bias, std });
    this.downProj = new Linear(init, dFf, dModel, { bias, std: outStd });
    this.#activation = ACTIVATIONS[config.activation];
    this.#dropout = new Dropout(config.dropout);
  }

  /** [batch, seq, dModel] → [batch, seq, dModel] */
  forward(x: Tensor, context: ForwardContext): Tensor {
    const up = this.upProj.forward(x); // [batch, seq, dFf]
    const activated = this.#activation(this.gateProj?.forward(x) ?? up); // [batch, seq, dFf]
    context.observe?.("up", up);
    context.observe?.("activated", activated);
    const inner = this.gateProj === undefined ? activated : mul(activated, up);
    return this.#dropout.forward(this.downProj.forward(inner), context);
  }
}
