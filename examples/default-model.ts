/** The model that `npm start` trains, and that the examples load: its text, its size and its training. */
import { existsSync } from "node:fs";
import { BPETokenizer, Transformer, loadModel, saveModel, train } from "heed";
import type { LanguageModel, ModelConfig, Tokenizer, TrainOptions, TrainStep } from "heed";
import { makeCorpus } from "./corpus.ts";
import { formatStep, showProgress } from "./terminal.ts";

/** Where `npm start` saves, and the examples look first. */
export const MODEL_FOLDER = "my-model";

/** Ends every story. */
export const END = "<|endoftext|>";

/** Size of the vocabulary, the end token included. */
export const VOCAB_SIZE = 512;

/** A model small enough to learn in about a minute on two cores. */
export function defaultConfig(vocabSize: number): ModelConfig {
  return {
    vocabSize,
    contextLength: 64,
    dModel: 96,
    nLayers: 3,
    nHeads: 4,
    dFf: 288,
    norm: "rmsNorm",
    activation: "silu",
    gated: true,
    position: "rotary",
    bias: false,
    tieEmbeddings: true,
  };
}

/** How it is trained: with so little time, many small steps teach more than few large ones. */
export const TRAINING: TrainOptions = {
  maxSteps: 2500,
  batchSize: 4,
  learningRate: 4e-3,
  minLearningRate: 2e-4,
  warmupSteps: 50,
  beta2: 0.99,
  weightDecay: 0.1,
  seed: 1,
};

/** Texts as tokens, every story closed by the end token. */
export function encodeStories(tokenizer: Tokenizer, text: string): number[] {
  const stories = text
    .split(/\r?\n\r?\n/)
    .map((story) => story.trim())
    .filter((story) => story !== "");
  return stories.flatMap((story) => [...tokenizer.encode(story), tokenizer.eosId as number]);
}

/** Trains with a progress line; resolves to the last step. */
export async function trainWithProgress(
  model: Transformer,
  tokens: readonly number[],
  options: TrainOptions,
): Promise<TrainStep | undefined> {
  const maxSteps = options.maxSteps ?? 1000;
  let last: TrainStep | undefined;
  for await (const step of train(model, tokens, options)) {
    last = step;
    const keep = step.validationLoss !== undefined || step.step % Math.ceil(maxSteps / 10) === 0;
    showProgress(formatStep(step, maxSteps), keep || step.step === maxSteps);
  }
  return last;
}

/** The model in `my-model`, or one trained on the spot and saved there. */
export async function defaultModel(): Promise<LanguageModel & { tokenizer: Tokenizer }> {
  if (existsSync(MODEL_FOLDER)) {
    const lm = await loadModel(MODEL_FOLDER);
    if (lm.tokenizer !== undefined) return { ...lm, tokenizer: lm.tokenizer };
  }
  console.log(`There is no ${MODEL_FOLDER}/ yet: training one, which takes about a minute.`);
  const { train: text } = makeCorpus();
  const tokenizer = BPETokenizer.train(text, { vocabSize: VOCAB_SIZE, specialTokens: [END] });
  const model = new Transformer(defaultConfig(tokenizer.vocabSize), { seed: 1 });
  await trainWithProgress(model, encodeStories(tokenizer, text), TRAINING);
  const lm = { model, tokenizer };
  await saveModel(lm, MODEL_FOLDER);
  return lm;
}
