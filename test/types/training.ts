/** The compiler refuses what `train` would refuse, and knows what comes back. Checked by `tsc`, never run. */
import type { Transformer } from "heed/model";
import { AdamW, evaluate, gradientNorm, learningRateAt, loadCheckpoint, saveCheckpoint, train } from "heed/training";
import type { TrainOptions, TrainStep, TrainingState } from "heed/training";

declare const model: Transformer;
declare const state: TrainingState;

/** Compiles only for values of exactly this type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(value: T): T => value;

// What is right compiles.
export const right: TrainOptions[] = [
  {},
  {
    maxSteps: 5,
    batchSize: 4,
    seqLen: 8,
    accumulationSteps: 2,
    learningRate: 1e-3,
    minLearningRate: 0,
    warmupSteps: 1,
    gradClip: 0,
  },
  { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, decay: "all", labelSmoothing: 0.1, seed: 1, resume: state },
  { validation: 0.1, evalEvery: 10, evalWindows: 4 },
  { validation: Uint16Array.of(1, 2, 3), signal: new AbortController().signal },
];
export const texts: unknown[] = [
  train(model, [1, 2, 3]),
  train(model, Int32Array.of(1, 2, 3)),
  train(model, [1, 2, 3] as const),
];

/** Iterating gives steps; a checkpoint is the state of a training. */
export async function results(): Promise<void> {
  const training = train(model, [1, 2, 3]);
  for await (const step of training) isTrue<Same<typeof step, TrainStep>>(true);
  isTrue<Same<ReturnType<typeof training.state>, TrainingState>>(true);
  isTrue<Same<Awaited<ReturnType<typeof loadCheckpoint>>, TrainingState>>(true);
  isTrue<Same<Awaited<ReturnType<typeof evaluate>>, number>>(true);
  await saveCheckpoint(training.state(), new Map());
  for await (const { validationLoss } of training) {
    // @ts-expect-error only some steps evaluate
    const loss: number = validationLoss;
    void loss;
  }
}

/** Both forms of a model's parameters have a norm. */
export const norms: number[] = [gradientNorm(model.parameters()), gradientNorm(model.parameters().values())];
/** A state says how its training was asked for. */
export const seed: number = state.settings.seed;
// @ts-expect-error tensors are no texts
gradientNorm(["weight"]);
// @ts-expect-error a state is whole
export const part: TrainingState = { parameters: state.parameters, optimizer: state.optimizer };
// @ts-expect-error a training is iterated over; awaiting it gives no steps
export const steps: PromiseLike<TrainStep[]> = train(model, [1, 2, 3]);
// @ts-expect-error an unknown option
train(model, [1], { lr: 1e-3 });
// @ts-expect-error an unknown option
train(model, [1], { epochs: 3 });
// @ts-expect-error a number as text
train(model, [1], { maxSteps: "5" });
// @ts-expect-error a choice of two
train(model, [1], { decay: "none" });
// @ts-expect-error both betas have names of their own
train(model, [1], { betas: [0.9, 0.95] });
// @ts-expect-error a path is loaded first
train(model, [1], { resume: "./checkpoint" });
// @ts-expect-error validation is a share or tokens
train(model, [1], { validation: true });
// @ts-expect-error text is encoded first
train(model, "text");
// @ts-expect-error several lists are no text
train(model, [[1], [2]]);
// @ts-expect-error the model comes first
train([1, 2, 3], model);
// @ts-expect-error an unknown option
new AdamW(model.parameters(), { learningRate: 1e-3 });
// @ts-expect-error the optimiser wants named parameters
new AdamW([...model.parameters().values()]);
// @ts-expect-error an unknown option
evaluate(model, [1, 2], { windows: 3 });
// @ts-expect-error a schedule is whole
learningRateAt(0, { learningRate: 1e-3 });
// @ts-expect-error a checkpoint goes to a folder or a Map
saveCheckpoint(state, 5);
