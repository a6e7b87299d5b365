/** Keeping the residual stream at a steady scale. */
import { add } from "../ops/arithmetic.ts";
import { layerNorm, rmsNorm } from "../ops/norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initializer } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./module.ts";

/** Layer normalisation (Ba, Kiros & Hinton 2016) over the last axis. */
export class LayerNorm extends Module {
  /** [dModel] */
  readonly weight: Parameter;
  /** [dModel] */
  readonly bias: Parameter | undefined;
  readonly #eps: number;

  constructor(init: Initializer, dModel: number, { bias, eps }: { bias: boolean; eps: number }) {
    super();
    this.weight = init.constant([dModel], 1);
    this.bias = bias ? init.constant([dModel], 0) : undefined;
    this.#eps = eps;
  }

  /** [..., dModel] → [..., dModel] */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { eps: this.#eps });
  }
}

/** Root-mean-square normalisation (Zhang & Sennrich 2019) over the last axis. */
export class RMSNorm extends Module {
  /** [dModel] */
  readonly weight: Parameter;
  readonly #eps: number;
  readonly #offset: number;

  /** @param offset what is added to the weights before they are multiplied by */
  constructor(init: Initializer, dModel: number, { eps, offset = 0 }: { eps: number; offset?: number }) {
    super();
    this.weight = init.constant([dModel], 1 - offset);
    this.#eps = eps;
    this.#offset = offset;
  }

  /** [..., dModel] → [..., dModel] */
  forward(x: Tensor): Tensor {
    const weight = this.#offset === 0 ? this.weight : add(this.weight, this.#offset);
    return rmsNorm(x, weight, { eps: this.#eps });
  }
}
