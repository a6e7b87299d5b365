/** Small models of any config with weights from a seed, whose scores are far from flat. */
import { BPETokenizer, Random, Transformer } from "heed";
import type { ModelConfig, ResolvedConfig } from "heed";

/** Standard deviations: of what is added to norms and biases, of embeddings, and of what a matrix makes of an input of deviation 1. */
const SPREAD = { vector: 0.3, embedding: 0.5, matrix: 1.2, head: 3 } as const;

/**
 * A model whose every parameter matters: norms are not all ones, biases not all zeros, attention is sharp, and logits lie
 * some units apart. The same numbers wherever it is made.
 */
export function randomModel(config: ModelConfig, seed: number): Transformer {
  const model = new Transformer(config, { seed });
  const random = new Random(seed);
  for (const [name, parameter] of model.parameters()) {
    const { shape, data } = parameter;
    const [centre, deviation] = spreadOf(name, shape, model.config);
    for (let i = 0; i < data.length; i++) data[i] = centre + deviation * random.normal();
  }
  return model;
}

function spreadOf(
  name: string,
  shape: readonly number[],
  { normOffset }: ResolvedConfig,
): [centre: number, deviation: number] {
  if (shape.length === 1) return [name.endsWith(".weight") ? 1 - normOffset : 0, SPREAD.vector];
  if (name.includes("Embedding")) return [0, SPREAD.embedding];
  return [0, (name === "lmHead.weight" ? SPREAD.head : SPREAD.matrix) / Math.sqrt(shape[1])];
}

/** Ends texts; it is the first id. */
const END = "<|endoftext|>";

const TEXT =
  "The sea was calm, and the boats lay on it like leaves. When the wind came back, the boats went out again; " +
  "the children stood on the wall and counted them: one, two, three. In the evening there were 14 of them, and " +
  "all the lights of the town were in the water.\n";

/** A small tokenizer, which llama.cpp needs to load a model at all. */
export function smallTokenizer(vocabSize: number): BPETokenizer {
  return BPETokenizer.train(TEXT, { vocabSize, specialTokens: [END] });
}

/** Ids that stand for text, as many as asked for. */
export function randomPrompt(length: number, vocabSize: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => 1 + random.integer(vocabSize - 1));
}
