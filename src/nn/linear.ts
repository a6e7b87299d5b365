/** The layer that does most of the work: a matrix and a shift. */
import { linear } from "../ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initializer } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./module.ts";

/** y = x · weightᵀ + bias. */
export class Linear extends Module {
  /** [dOut, dIn] */
  readonly weight: Parameter;
  /** [dOut] */
  readonly bias: Parameter | undefined;

  /** @param std standard deviation of the initial weights */
  constructor(init: Initializer, dIn: number, dOut: number, { bias, std }: { bias: boolean; std: number }) {
    super();
    this.weight = init.normal([dOut, dIn], std);
    this.bias = bias ? init.constant([dOut], 0) : undefined;
  }

  /** [..., dIn] → [..., dOut] */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
