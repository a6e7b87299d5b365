/** Whole training steps: batch, forward, backward, clipping and AdamW, through `train` as users call it. */
import { Transformer, train } from "heed";
import type { ModelConfig, TrainOptions } from "heed";
import { TRAINING, VOCAB_SIZE, defaultConfig } from "../examples/default-model.ts";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { randomTokens } from "./seeded.ts";

/** The recipe of nanoGPT's README for a CPU, on its 65 characters. */
const nanoGPT: ModelConfig = { vocabSize: 65, contextLength: 64, dModel: 128, nLayers: 4, nHeads: 4, bias: false };
const nanoGPTTraining: TrainOptions = {
  batchSize: 12,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  warmupSteps: 100,
  beta2: 0.99,
  weightDecay: 0.1,
  gradClip: 1,
  seed: 1,
};

/** More steps than anybody measures, so that the training does not end. */
const ENDLESS = 1_000_000;

/** One step for each run. */
function makeRun(config: ModelConfig, options: TrainOptions): Run {
  const model = new Transformer(config, { seed: 1 });
  const tokens = randomTokens(20_000, config.vocabSize, 2);
  const steps = train(model, tokens, { ...options, maxSteps: ENDLESS })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await steps.next();
    if (done) throw new Error("the training ended");
    return value.loss;
  };
}

function stepCase(name: string, config: ModelConfig, options: TrainOptions): BenchCase {
  const { batchSize = 16, seqLen = config.contextLength } = options;
  return {
    name: `training step ${name}`,
    unit: "tokens/s",
    work: batchSize * seqLen,
    setup: () => makeRun(config, options),
  };
}

const start = defaultConfig(VOCAB_SIZE);

/** Training steps. */
export const training: Subject = {
  name: "training",
  cases: [
    stepCase("nanoGPT CPU recipe, 4 layers × 128, batch 12 × 64", nanoGPT, nanoGPTTraining),
    stepCase(
      `npm start, ${start.nLayers} layers × ${start.dModel}, batch ${TRAINING.batchSize} × ${start.contextLength}`,
      start,
      TRAINING,
    ),
  ],
};
