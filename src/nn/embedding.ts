/** A table of vectors, one row for each id. */
import { embedding } from "../ops/embedding.ts";
import type { Ids } from "../ops/ids.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initializer } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./module.ts";

/** Looks up rows of a learnt table. */
export class Embedding extends Module {
  /** [rows, cols] */
  readonly weight: Parameter;

  /** @param std standard deviation of the initial rows */
  constructor(init: Initializer, rows: number, cols: number, std: number) {
    super();
    this.weight = init.normal([rows, cols], std);
  }

  /** ids [...] → [..., cols] */
  forward(ids: Ids): Tensor {
    return embedding(this.weight, ids);
  }
}
