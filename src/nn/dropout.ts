/** Dropout as a step of a layer: active only while training. */
import { dropout } from "../ops/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ForwardContext } from "./module.ts";

/** Zeroes activations with probability `p` if the context carries a source of chance; otherwise returns x itself. */
export class Dropout {
  readonly #p: number;

  constructor(p: number) {
    this.#p = p;
  }

  /** [...] → [...] */
  forward(x: Tensor, { dropoutRandom }: ForwardContext): Tensor {
    return dropoutRandom === undefined || this.#p === 0 ? x : dropout(x, { p: this.#p, random: dropoutRandom });
  }
}
