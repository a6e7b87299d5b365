/** Training: batch after batch, each a small correction of every parameter. */
import { ConfigError, DivergedError, checkInteger, checkNumber, checkOptions, throwIfAborted } from "../errors.ts";
import type { Transformer } from "../model/transformer.ts";
import { assignParameters, checkParameters } from "../nn/init.ts";
import type { Parameter } from "../nn/module.ts";
import { crossEntropy } from "../ops/cross-entropy.ts";
import { Random } from "../random.ts";
import type { RandomState } from "../random.ts";
import { scope } from "../tensor/scope.ts";
import { full } from "../tensor/create.ts";
import { turns } from "../turn.ts";
import { clipFactor, gradientNorm } from "./clip.ts";
import { checkModel, checkTokens, sampleBatch, splitTokens } from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { AdamW, resolveAdamW } from "./optimizer.ts";
import type { AdamWOptions, OptimizerState } from "./optimizer.ts";
import { learningRateAt } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { checkSameSettings, isTrainingSettings } from "./settings.ts";
import type { TrainingSettings } from "./settings.ts";

/** Options of `train`. */
export interface TrainOptions extends AdamWOptions {
  /** Steps to train, those before a resumed checkpoint included. Default 1000. */
  maxSteps?: number;
  /** Sequences in a batch. Default 16. */
  batchSize?: number;
  /** Tokens in a sequence. Default: the model's context. */
  seqLen?: number;
  /** Batches whose gradients are averaged into one step. Default 1. */
  accumulationSteps?: number;
  /** The greatest learning rate. Default 1e-3. */
  learningRate?: number;
  /** Where the fall of the learning rate ends; the last step comes close. Default a tenth of learningRate. */
  minLearningRate?: number;
  /** Steps of linear rise at the beginning. Default a tenth of maxSteps, at most 100. */
  warmupSteps?: number;
  /** Greatest norm of the gradient; larger ones are scaled down. 0 for no limit. Default 1. */
  gradClip?: number;
  /** Share of the target probability spread evenly over the vocabulary. Default 0. */
  labelSmoothing?: number;
  /** What to be judged by: the last part of the tokens (a share from 0 to 1), or other tokens. Default: nothing. */
  validation?: number | ArrayLike<number>;
  /** Steps between two evaluations; the last step always has one. Default a tenth of maxSteps. Needs `validation`. */
  evalEvery?: number;
  /** At most this many windows of validation text in each evaluation. Default 64. Needs `validation`. */
  evalWindows?: number;
  /** Seed of batches and dropout. Default 0. */
  seed?: number;
  /** Stops the work with an AbortError; the model keeps what it has learnt. */
  signal?: AbortSignal;
  /**
   * Continues from a checkpoint, bit for bit. Model, tokens and all options that decide its numbers must be as they were:
   * maxSteps too, since the learning rate depends on it. To go on with other settings, or after the last step, start a
   * new training from the saved model.
   */
  resume?: TrainingState;
}

/** One step of training. */
export interface TrainStep {
  /** Counts from 1. */
  step: number;
  /** Mean loss of the step's batches, in nats per token. */
  loss: number;
  /** The learning rate of the step. */
  learningRate: number;
  /** Norm of the gradient before clipping. */
  gradNorm: number;
  /** Tokens learnt from in each second of this step. */
  tokensPerSecond: number;
  /** Estimated seconds until the last step. */
  etaSeconds: number;
  /** Loss on the validation text, in the steps that evaluate. */
  validationLoss?: number;
}

/** Everything that the rest of a training depends on, but for the tokens. */
export interface TrainingState {
  /** How the training was asked for; resuming must ask for the same. */
  settings: TrainingSettings;
  /** The model's numbers, by name. */
  parameters: Map<string, Float32Array>;
  /** The optimiser's running means and the number of steps taken. */
  optimizer: OptimizerState;
  /** Where the choice of batches has got to. */
  batchRandom: RandomState;
  /** Where dropout's chance has got to. */
  dropoutRandom: RandomState;
}

/** Options that were checked, and the tokens for both purposes. */
interface Plan {
  settings: TrainingSettings;
  evalEvery: number;
  evalWindows: number;
  trainTokens: ArrayLike<number>;
  validationTokens: ArrayLike<number> | null;
}

const OWN = [
  "maxSteps",
  "batchSize",
  "seqLen",
  "accumulationSteps",
  "learningRate",
  "minLearningRate",
  "warmupSteps",
  "gradClip",
  "labelSmoothing",
  "validation",
  "evalEvery",
  "evalWindows",
  "seed",
  "signal",
  "resume",
] as const;
const ADAMW = ["beta1", "beta2", "eps", "weightDecay", "decay"] as const;

/**
 * A training under way: iterate over it to make it happen, step by step; leaving the loop stops it. Its options are
 * checked when the first step is asked for.
 */
export class Training implements AsyncIterable<TrainStep> {
  readonly #model: Transformer;
  readonly #tokens: ArrayLike<number>;
  readonly #options: TrainOptions;
  #run: TrainingRun | null = null;

  constructor(model: Transformer, tokens: ArrayLike<number>, options: TrainOptions) {
    this.#model = model;
    this.#tokens = tokens;
    this.#options = options;
  }

  /** The steps. A training can be read once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void> {
    if (this.#run !== null)
      throw new ConfigError("train: this training has already been read; call train again, with resume to continue");
    const plan = resolve(this.#model, this.#tokens, this.#options);
    this.#run = new TrainingRun(this.#model, plan, this.#options.resume);
    yield* this.#run.steps(this.#options.signal);
  }

  /** A copy of everything that the rest depends on, for `saveCheckpoint` and `resume`. */
  state(): TrainingState {
    if (this.#run === null) throw new ConfigError("train: no state yet; ask for it after the first step");
    return this.#run.state();
  }
}

/**
 * Trains a model to predict each token from those before it.
 *
 * ```ts
 * for await (const { step, loss } of train(model, tokenizer.encode(text), { maxSteps: 500, learningRate: 3e-3 })) console.log(step, loss);
 * ```
 *
 * @param tokens the text to learn from; batches are windows at random places
 * @throws (from the iteration) ConfigError for unknown or conflicting options, too few tokens, tokens outside the
 * vocabulary, or a checkpoint that does not fit or is complete; AbortError if it was stopped through `signal`;
 * DivergedError if the loss or the gradient is no longer finite
 */
export function train(model: Transformer, tokens: ArrayLike<number>, options: TrainOptions = {}): Training {
  return new Training(model, tokens, options);
}

class TrainingRun {
  readonly #model: Transformer;
  readonly #parameters: Map<string, Parameter>;
  readonly #plan: Plan;
  readonly #optimizer: AdamW;
  readonly #batchRandom: Random;
  readonly #dropoutRandom: Random;
  #step = 0;

  constructor(model: Transformer, plan: Plan, resume: TrainingState | undefined) {
    const { seed, beta1, beta2, eps, weightDecay, decay } = plan.settings;
    this.#model = model;
    this.#parameters = model.parameters();
    this.#plan = plan;
    this.#optimizer = new AdamW(this.#parameters, { beta1, beta2, eps, weightDecay, decay });
    // Two generators, so that dropout does not change which batches are drawn.
    const seeds = new Random(seed);
    this.#batchRandom = new Random(resume === undefined ? seeds.uint32() : resume.batchRandom);
    this.#dropoutRandom = new Random(resume === undefined ? seeds.uint32() : resume.dropoutRandom);
    if (resume === undefined) return;
    this.#optimizer.restore(resume.optimizer);
    checkParameters(this.#parameters, resume.parameters); // all or nothing: a model that was refused stays as it is
    assignParameters(this.#parameters, resume.parameters);
    this.#step = resume.optimizer.step;
  }

  state(): TrainingState {
    return {
      settings: { ...this.#plan.settings },
      parameters: new Map([...this.#parameters].map(([name, { data }]) => [name, data.slice()])),
      optimizer: this.#optimizer.state(),
      batchRandom: this.#batchRandom.state(),
      dropoutRandom: this.#dropoutRandom.state(),
    };
  }

  async *steps(signal: AbortSignal | undefined): AsyncGenerator<TrainStep, void> {
    const { maxSteps, batchSize, seqLen, accumulationSteps } = this.#plan.settings;
    const turn = turns();
    let secondsPerStep = 0;
    while (this.#step < maxSteps) {
      await turn();
      throwIfAborted(signal, "train");
      const started = performance.now();
      const result = this.#takeStep();
      const seconds = (performance.now() - started) / 1000;
      secondsPerStep = secondsPerStep === 0 ? seconds : 0.9 * secondsPerStep + 0.1 * seconds;
      const report: TrainStep = {
        step: this.#step,
        ...result,
        tokensPerSecond: (batchSize * seqLen * accumulationSteps) / seconds,
        etaSeconds: (maxSteps - this.#step) * secondsPerStep,
      };
      if (this.#step % this.#plan.evalEvery === 0 || this.#step === maxSteps) await this.#evaluate(report, signal);
      yield report;
    }
  }

  #takeStep(): { loss: number; learningRate: number; gradNorm: number } {
    const { settings, trainTokens } = this.#plan;
    const { batchSize, seqLen, accumulationSteps, gradClip, labelSmoothing } = settings;
    const learningRate = learningRateAt(this.#step, settings);
    this.#optimizer.zeroGrad(); // a backward pass of the caller's may have left gradients, which would be added to this step's
    const result = scope(() => {
      const learnFromBatch = (): number => {
        const { inputs, targets } = sampleBatch(trainTokens, batchSize, seqLen, this.#batchRandom);
        const logits = this.#model.forward(inputs, { dropoutRandom: this.#dropoutRandom }); // [batch, seq, vocabSize]
        const batchLoss = crossEntropy(logits, targets, { labelSmoothing });
        batchLoss.backward(full([], 1 / accumulationSteps));
        return batchLoss.item() / accumulationSteps;
      };
      // A single batch has no scope of its own, which would copy its gradients out.
      const learn = accumulationSteps === 1 ? learnFromBatch : () => scope(learnFromBatch);
      let loss = 0;
      for (let i = 0; i < accumulationSteps; i++) loss += learn();
      const gradNorm = gradientNorm(this.#parameters);
      if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) this.#diverged(loss, gradNorm);
      this.#optimizer.step(learningRate, clipFactor(gradNorm, gradClip));
      this.#optimizer.zeroGrad();
      return { loss, learningRate, gradNorm };
    });
    this.#step++;
    return result;
  }

  #diverged(loss: number, gradNorm: number): never {
    this.#optimizer.zeroGrad();
    const advice =
      this.#step === 0
        ? "the model's weights were no good to begin with, or learningRate is far too high"
        : "lower learningRate or gradClip";
    throw new DivergedError(
      `train: step ${this.#step + 1} has loss ${loss} and gradient norm ${gradNorm}; the model is as it was before it; ${advice}`,
      { step: this.#step + 1, loss, gradNorm },
    );
  }

  async #evaluate(report: TrainStep, signal: AbortSignal | undefined): Promise<void> {
    const { settings, validationTokens, evalWindows: maxWindows } = this.#plan;
    if (validationTokens === null) return;
    const { batchSize, seqLen } = settings;
    report.validationLoss = await evaluate(this.#model, validationTokens, { batchSize, seqLen, maxWindows, signal });
  }
}

/** Checks options and fills in defaults. */
function resolve(model: Transformer, tokens: ArrayLike<number>, options: TrainOptions): Plan {
  checkModel("train", model);
  checkOptions("train", options, [...OWN, ...ADAMW]);
  const {
    maxSteps = 1000,
    batchSize = 16,
    seqLen = model.config.contextLength,
    accumulationSteps = 1,
    seed = 0,
    labelSmoothing = 0,
    gradClip = 1,
  } = options;
  for (const [name, value] of Object.entries({ maxSteps, batchSize, accumulationSteps }))
    checkInteger("train", name, value, 1);
  checkInteger("train", "seqLen", seqLen, 1, model.config.contextLength);
  checkInteger("train", "seed", seed, Number.MIN_SAFE_INTEGER);
  checkNumber("train", "labelSmoothing", labelSmoothing, 0, 1);
  checkNumber("train", "gradClip", gradClip, 0);
  const schedule = resolveSchedule(options, maxSteps);
  const { evalEvery = Math.max(1, Math.floor(maxSteps / 10)), evalWindows = 64 } = options;
  checkInteger("train", "evalEvery", evalEvery, 1);
  checkInteger("train", "evalWindows", evalWindows, 1);
  const adamW = resolveAdamW(Object.fromEntries(ADAMW.map((key) => [key, options[key]])));
  const texts = resolveTokens(model, tokens, seqLen, options);
  const settings: TrainingSettings = {
    ...schedule,
    ...adamW,
    batchSize,
    seqLen,
    accumulationSteps,
    seed,
    labelSmoothing,
    gradClip,
    trainTokens: texts.trainTokens.length,
  };
  if (options.resume !== undefined) checkResume(options.resume, settings);
  return { settings, evalEvery, evalWindows, ...texts };
}

/** Checks that a state is one, of a training with these settings that has steps left. */
function checkResume(resume: TrainingState, settings: TrainingSettings): void {
  const isState =
    isTrainingSettings(resume?.settings) &&
    Number.isInteger(resume.optimizer?.step) &&
    Array.isArray(resume.batchRandom) &&
    Array.isArray(resume.dropoutRandom);
  if (!isState) throw new ConfigError("train: resume must be a state, as training.state() or loadCheckpoint gives it");
  const { step } = resume.optimizer;
  const { maxSteps } = resume.settings;
  if (step >= maxSteps) {
    throw new ConfigError(
      `train: resume is of a training that is complete, with ${step} of ${maxSteps} steps; to train further, start a new training from the saved model`,
      { step, maxSteps },
    );
  }
  checkSameSettings(settings, resume.settings);
}

function resolveSchedule(options: TrainOptions, maxSteps: number): Schedule {
  const { learningRate = 1e-3 } = options;
  const { minLearningRate = learningRate / 10, warmupSteps = Math.min(100, Math.floor(maxSteps / 10)) } = options;
  checkNumber("train", "learningRate", learningRate, 0);
  checkNumber("train", "minLearningRate", minLearningRate, 0, learningRate);
  checkInteger("train", "warmupSteps", warmupSteps, 0, maxSteps);
  return { learningRate, minLearningRate, warmupSteps, maxSteps };
}

function resolveTokens(
  model: Transformer,
  tokens: ArrayLike<number>,
  seqLen: number,
  options: TrainOptions,
): { trainTokens: ArrayLike<number>; validationTokens: ArrayLike<number> | null } {
  const { vocabSize } = model.config;
  const { validation } = options;
  const stray = (["evalEvery", "evalWindows"] as const).find((key) => options[key] !== undefined);
  if (validation === undefined && stray !== undefined)
    throw new ConfigError(`train: ${stray} needs validation: a share of the tokens, such as 0.1, or other tokens`, {
      option: stray,
    });
  checkTokens("train", tokens, seqLen, vocabSize);
  if (validation === undefined) return { trainTokens: tokens, validationTokens: null };
  if (typeof validation !== "number") {
    checkTokens("train: validation", validation, seqLen, vocabSize);
    return { trainTokens: tokens, validationTokens: validation };
  }
  checkNumber("train", "validation", validation, Number.MIN_VALUE, 1 - 1e-9);
  const parts = splitTokens(tokens, validation);
  for (const [name, part] of Object.entries(parts))
    checkTokens(`train: ${name} part of the tokens`, part, seqLen, vocabSize);
  return { trainTokens: parts.train, validationTokens: parts.validation };
}
