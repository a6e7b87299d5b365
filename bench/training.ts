/** Whole training steps: batch, forward, backward, clipping and AdamW, through `train` as users call it. */
import { availableParallelism } from "node:os";
import { Transformer, train } from "heed";
import type { ModelConfig, TrainOptions } from "heed";
import { TRAINING, VOCAB_SIZE, defaultConfig } from "../examples/default-model.ts";
import { useChosen, useThreads, whyNoWasm } from "./chosen-backend.ts";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { handWrittenRun, nanoGPT, nanoGPTTraining } from "./nanogpt.ts";
import { randomTokens } from "./seeded.ts";

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

const RECIPE = "nanoGPT CPU recipe, 4 layers × 128, batch 12 × 64";

/** The step of `train`, and the same one in a loop of the user's own: the second is to take at most twice as long. */
function stepAndItsLikes(): BenchCase[] {
  const step: BenchCase = { ...stepCase(RECIPE, nanoGPT, nanoGPTTraining), together: "training step" };
  const byHand: BenchCase = {
    ...step,
    name: `training step ${RECIPE}, by hand without scopes`,
    baseline: step.name,
    setup: handWrittenRun,
  };
  return [step, byHand];
}

/** The step on so many threads, whatever the others are measured with. */
function threadCase(threads: number, baseline?: string): BenchCase {
  const step = stepCase(`${RECIPE}, ${threads} thread${threads === 1 ? "" : "s"}`, nanoGPT, nanoGPTTraining);
  return {
    ...step,
    ...(baseline !== undefined && { baseline }),
    unavailable: () =>
      whyNoWasm() ?? (availableParallelism() < threads ? `there are fewer than ${threads} processors` : undefined),
    setup: async () => {
      await useThreads(threads);
      return step.setup();
    },
    teardown: useChosen,
  };
}

const oneThread = threadCase(1);
const start = defaultConfig(VOCAB_SIZE);

/** Training steps. */
export const training: Subject = {
  name: "training",
  cases: [
    ...stepAndItsLikes(),
    oneThread,
    threadCase(2, oneThread.name),
    stepCase(
      `npm start, ${start.nLayers} layers × ${start.dModel}, batch ${TRAINING.batchSize} × ${start.contextLength}`,
      start,
      TRAINING,
    ),
  ],
};
