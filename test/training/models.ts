/** Small models and texts for these tests. */
import type { ModelConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { train } from "../../src/training/train.ts";
import type { TrainOptions, TrainStep, Training } from "../../src/training/train.ts";

/** A model that trains in milliseconds; the same weights every time, unless another seed is given. */
export function tinyModel(config: Partial<ModelConfig> = {}, seed: number = 1): Transformer {
  return new Transformer({ vocabSize: 8, contextLength: 8, dModel: 8, nLayers: 1, nHeads: 2, ...config }, { seed });
}

/** Tokens with a pattern to learn: 0 to 7 in turn, now and then from the start again. */
export const tokens: readonly number[] = Array.from({ length: 200 }, (_, i) => (i % 7 === 0 ? 0 : i % 8));

/** Copies of all parameters, by name. */
export function snapshot(model: Transformer): Map<string, Float32Array> {
  return new Map([...model.parameters()].map(([name, { data }]) => [name, data.slice()]));
}

/** The steps of a training, all or the first `count`. */
export async function stepsOf(training: Training, count: number = Infinity): Promise<TrainStep[]> {
  const steps: TrainStep[] = [];
  for await (const step of training) if (steps.push(step) >= count) break;
  return steps;
}

/** A whole training of a fresh model: what does not depend on the clock. */
export async function run(
  options: TrainOptions,
  config: Partial<ModelConfig> = {},
): Promise<{ steps: Omit<TrainStep, "tokensPerSecond" | "etaSeconds">[]; parameters: Map<string, Float32Array> }> {
  const model = tinyModel(config);
  const steps = await stepsOf(train(model, tokens, options));
  return { steps: steps.map(({ tokensPerSecond: _, etaSeconds: __, ...step }) => step), parameters: snapshot(model) };
}
