/** Small models for the tests of this chapter. */
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { Random } from "../../src/random.ts";

/** A model of the GPT-2 family. */
export const GPT2: ModelConfig = { vocabSize: 23, contextLength: 96, dModel: 16, nLayers: 2, nHeads: 4 };

/** A model of the Llama family, with grouped heads. */
export const LLAMA: ModelConfig = {
  ...GPT2,
  nKvHeads: 2,
  norm: "rmsNorm",
  activation: "silu",
  gated: true,
  position: "rotary",
  bias: false,
  tieEmbeddings: false,
};

/** A model whose parameters are all drawn at random, biases and norms too, so that none of them can be forgotten unnoticed. */
export function randomModel(config: ModelConfig, seed = 1, deviation = 0.3): Transformer {
  const model = new Transformer(config);
  const random = new Random(seed);
  for (const [name, { data }] of model.parameters()) {
    const centre = /norm\d?\.weight$/i.test(name) ? 1 : 0;
    data.forEach((_, i) => (data[i] = centre + deviation * random.normal()));
  }
  return model;
}

/** Rows of random ids. */
export function randomTokens(batch: number, seq: number, vocabSize: number, seed = 2): number[][] {
  const random = new Random(seed);
  return Array.from({ length: batch }, () => Array.from({ length: seq }, () => random.integer(vocabSize)));
}
