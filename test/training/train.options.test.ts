/** Every option of training works or throws: each one, flipped, changes what comes out, and each bad value is named. */
import { describe, expect, it } from "vitest";
import { ConfigError, HeedError } from "../../src/errors.ts";
import { train } from "../../src/training/train.ts";
import type { TrainOptions } from "../../src/training/train.ts";
import { run, stepsOf, tinyModel, tokens } from "./models.ts";

/** What to ask for besides the option, and two values of it that must make a difference. */
interface Flip {
  readonly beside?: TrainOptions;
  readonly from?: unknown;
  readonly to: () => unknown;
}

/** An option without a row here does not compile. */
const flips: Readonly<Record<keyof TrainOptions, Flip>> = {
  maxSteps: { from: 4, to: () => 5 },
  batchSize: { from: 4, to: () => 5 },
  seqLen: { from: 8, to: () => 7 },
  accumulationSteps: { from: 1, to: () => 2 },
  learningRate: { from: 1e-3, to: () => 2e-3 },
  minLearningRate: { from: 1e-4, to: () => 5e-4 },
  warmupSteps: { from: 0, to: () => 2 },
  gradClip: { from: 0, to: () => 1e-9 },
  labelSmoothing: { from: 0, to: () => 0.1 },
  validation: { to: () => 0.2 },
  evalEvery: { beside: { validation: 0.2 }, from: 1, to: () => 2 },
  evalWindows: { beside: { validation: 0.2 }, from: 1, to: () => 2 },
  seed: { from: 0, to: () => 1 },
  signal: { to: () => AbortSignal.abort() },
  resume: {
    beside: { seed: 9 },
    to: async () => {
      const training = train(tinyModel(), tokens, { ...base, seed: 9 });
      await stepsOf(training, 2);
      return training.state();
    },
  },
  beta1: { from: 0.9, to: () => 0.8 },
  beta2: { from: 0.95, to: () => 0.99 },
  eps: { from: 1e-8, to: () => 1e-3 },
  weightDecay: { from: 0.1, to: () => 0.5 },
  decay: { beside: { learningRate: 0.1 }, from: "matrices", to: () => "all" },
};

const base: TrainOptions = { maxSteps: 4, batchSize: 4 };

/** What a training comes to, or its error. */
async function outcome(options: TrainOptions): Promise<unknown> {
  try {
    return await run(options);
  } catch (error) {
    if (!(error instanceof HeedError)) throw error;
    return { kind: error.name, message: error.message };
  }
}

describe("every option of train", () => {
  it.each(Object.entries(flips))("%s makes a difference", async (option, { beside, from, to }) => {
    const before = { ...base, ...beside, ...(from !== undefined && { [option]: from }) };
    const result = await outcome(before);
    expect(result).toHaveProperty("parameters");
    expect(await outcome(before)).toEqual(result); // so the difference below is the option's
    const after = await outcome({ ...before, [option]: await to() });
    expect(after).not.toEqual(result);
    expect(after).not.toHaveProperty("kind", "ConfigError");
  });

  it("has the default that its documentation names", async () => {
    const named: Partial<Record<keyof TrainOptions, unknown>> = {
      seqLen: 8,
      accumulationSteps: 1,
      learningRate: 1e-3,
      minLearningRate: 1e-4,
      warmupSteps: 0,
      gradClip: 1,
      labelSmoothing: 0,
      seed: 0,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0.1,
      decay: "matrices",
    };
    expect(await outcome({ ...base, ...named } as TrainOptions)).toEqual(await outcome(base));
    expect(await outcome({ ...base, validation: 0.5, evalEvery: 1, evalWindows: 64 })).toEqual(
      await outcome({ ...base, validation: 0.5 }),
    );
    expect(await outcome({ maxSteps: 2, batchSize: 16 })).toEqual(await outcome({ maxSteps: 2 }));
  });

  it("counts as absent when it is undefined", async () => {
    const absent = Object.fromEntries(Object.keys(flips).map((option) => [option, undefined]));
    expect(await outcome({ ...absent, ...base })).toEqual(await outcome(base));
  });
});

/** Values that each option must refuse. `signal` is only ever asked whether it has fired. */
const refused: Readonly<Record<Exclude<keyof TrainOptions, "signal">, readonly unknown[]>> = {
  maxSteps: [0, -1, 1.5, NaN, "4", null],
  batchSize: [0, -1, 1.5, null],
  seqLen: [0, 9, 1.5, null],
  accumulationSteps: [0, 1.5, null],
  learningRate: [-1, NaN, Infinity, "1", null],
  minLearningRate: [-1, 2e-3, NaN, null],
  warmupSteps: [-1, 5, 0.5, null],
  gradClip: [-1, NaN, Infinity, null],
  labelSmoothing: [-0.1, 1.1, NaN, null],
  validation: [0, 1, -0.5, NaN, "0.1", null],
  evalEvery: [0, 1.5, null],
  evalWindows: [0, 1.5, null],
  seed: [0.5, NaN, 2 ** 53, "1", null],
  resume: [5, "checkpoint", null, {}],
  beta1: [1, -0.1, NaN, null],
  beta2: [1, -0.1, NaN, null],
  eps: [0, -1, NaN, null],
  weightDecay: [-1, NaN, null],
  decay: ["none", null],
};
const bad = Object.entries(refused).flatMap(([option, values]) => values.map((value) => ({ option, value })));

describe("values out of range", () => {
  it.each(bad)("$option: $value is refused by name, before anything is learnt", async ({ option, value }) => {
    const beside = option.startsWith("eval") ? { validation: 0.2 } : {};
    const attempt = outcome({ ...base, ...beside, [option]: value } as TrainOptions);
    expect(await attempt).toEqual({ kind: "ConfigError", message: expect.stringContaining(option) });
  });

  it("options of validation need validation", async () => {
    for (const option of ["evalEvery", "evalWindows"] as const) {
      expect(await outcome({ ...base, [option]: 1 })).toEqual({
        kind: "ConfigError",
        message: `train: ${option} needs validation: a share of the tokens, such as 0.1, or other tokens`,
      });
    }
  });

  it("unknown options are named, and options that are no object refused", async () => {
    expect(await outcome({ ...base, lr: 1 } as TrainOptions)).toHaveProperty(
      "message",
      expect.stringContaining('train: unknown option "lr"; known options: maxSteps, batchSize'),
    );
    await expect(stepsOf(train(tinyModel(), tokens, null as unknown as TrainOptions))).rejects.toThrow(ConfigError);
  });
});
