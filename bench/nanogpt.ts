/** nanoGPT's recipe for a CPU: its model and training, a step by hand, and the whole of it on tinyshakespeare. */
import { readFileSync } from "node:fs";
import {
  AdamW,
  Transformer,
  clipFactor,
  crossEntropy,
  evaluate,
  gradientNorm,
  learningRateAt,
  sampleBatch,
  splitTokens,
  train,
  Random,
} from "heed";
import type { ModelConfig, TrainOptions } from "heed";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { randomTokens } from "./seeded.ts";
import { shakespearePath, whyNoShakespeare } from "./shakespeare.ts";
import { quantile } from "./statistics.ts";

/** 4 layers, 128 wide, for 65 characters. */
export const nanoGPT: ModelConfig = {
  ...{ vocabSize: 65, contextLength: 64, dModel: 128, nLayers: 4, nHeads: 4 },
  ...{ bias: false, tieEmbeddings: true },
};

const schedule = { learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 100 };
const adamW = { beta1: 0.9, beta2: 0.99, weightDecay: 0.1 };
const BATCH = 12;

/** How it is trained. */
export const nanoGPTTraining: TrainOptions = { ...schedule, ...adamW, batchSize: BATCH, gradClip: 1, seed: 1 };

/** The same step written out, as users do who want a loop of their own: no scope, nothing released. */
export function handWrittenRun(): Run {
  const model = new Transformer(nanoGPT, { seed: 1 });
  const tokens = randomTokens(20_000, nanoGPT.vocabSize, 2);
  const parameters = model.parameters();
  const optimizer = new AdamW(parameters, adamW);
  const random = new Random(1);
  let step = 0;
  return () => {
    const { inputs, targets } = sampleBatch(tokens, BATCH, nanoGPT.contextLength, random);
    const loss = crossEntropy(model.forward(inputs), targets);
    loss.backward();
    const rate = learningRateAt(step++, { ...schedule, maxSteps: 1_000_000 });
    optimizer.step(rate, clipFactor(gradientNorm(parameters), 1));
    optimizer.zeroGrad();
    return loss.item();
  };
}

const STEPS = 2000;

/** Characters as tokens, numbered in the order of their codes. */
function readCharacters(path: string): Int32Array {
  const text = readFileSync(path, "utf8");
  const ids = new Map([...new Set(text)].sort().map((character, id) => [character, id]));
  return Int32Array.from(text, (character) => ids.get(character) as number);
}

/** The whole training; the last tenth of the text is for validation, all of it: windows of 64 that do not overlap. */
function wholeTraining(): BenchCase {
  const stepMs: number[] = [];
  let [trainLoss, validationLoss] = [0, 0];
  return {
    name: `nanogpt-2000: ${STEPS} steps of nanoGPT's CPU recipe on tinyshakespeare, and its validation`,
    unit: "tokens/s",
    work: STEPS * BATCH * nanoGPT.contextLength,
    once: true,
    onRequest: true,
    unavailable: whyNoShakespeare,
    setup: () => {
      const texts = splitTokens(readCharacters(shakespearePath), 0.1);
      const model = new Transformer(nanoGPT, { seed: 1 });
      return async () => {
        let before = performance.now();
        for await (const { loss } of train(model, texts.train, { ...nanoGPTTraining, maxSteps: STEPS })) {
          trainLoss = loss;
          stepMs.push(performance.now() - before);
          before = performance.now();
        }
        validationLoss = await evaluate(model, texts.validation);
        return validationLoss;
      };
    },
    figures: () => {
      stepMs.sort((a, b) => a - b);
      return { validationLoss, lastTrainLoss: trainLoss, stepMs: quantile(stepMs, 0.5) };
    },
  };
}

/** The whole training. */
export const nanoGPT2000: Subject = { name: "nanogpt-2000", cases: [wholeTraining()] };
