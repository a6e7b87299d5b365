/** The model that `npm start` trains, and that the examples load: its text, its size and its training. */
import { existsSync } from "node:fs";
import { BPETokenizer, Transformer, loadModel, saveModel, train } from "heed";
import type { LanguageModel, Tokenizer, TrainOptions, TrainStep } from "heed";
import { END, TRAINING, VOCAB_SIZE, defaultConfig, encodeStories, showTraining } from "../src/cli/learning.ts";
import { makeCorpus } from "./corpus.ts";

export { END, TRAINING, VOCAB_SIZE, defaultConfig, encodeStories };

/** Where `npm start` saves, and the examples look first. */
export const MODEL_FOLDER = "my-model";

/** Trains with a progress line; resolves to the last step. */
export async function trainWithProgress(
  model: Transformer,
  tokens: readonly number[],
  options: TrainOptions,
): Promise<TrainStep | undefined> {
  return showTraining(train(model, tokens, options), options.maxSteps ?? 1000, process.stdout);
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
