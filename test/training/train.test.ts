/** Training repeats itself bit for bit, learns, reports what it does, and stops when told. */
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError, HeedError } from "../../src/errors.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { sum } from "../../src/ops/reduce.ts";
import { evaluate } from "../../src/training/evaluate.ts";
import { learningRateAt } from "../../src/training/schedule.ts";
import { train } from "../../src/training/train.ts";
import { expectError } from "../expect-error.ts";
import { run, snapshot, stepsOf, tinyModel, tokens } from "./models.ts";

const short = { maxSteps: 6, batchSize: 4, seed: 3 };

describe("the first argument of training's functions", () => {
  const model = tinyModel();
  const wrong = [undefined, null, 5, {}, { model }] as unknown as Transformer[];

  it.each(wrong)("must be a model, not %o", async (given) => {
    await expect(train(given, [1, 2, 3])[Symbol.asyncIterator]().next()).rejects.toThrow(
      /^train: the first argument must be a Transformer, got /,
    );
    await expect(evaluate(given, [1, 2, 3])).rejects.toThrow(ConfigError);
  });

  it("may be taken for a language model, and the message says so", async () => {
    await expect(evaluate(wrong[4], [1, 2, 3])).rejects.toThrow(/; pass its model$/);
  });
});

describe("train", () => {
  it("gives the same losses and parameters for the same seed, bit for bit, and others for another", async () => {
    const config = { dropout: 0.2 };
    const first = await run(short, config);
    expect(await run(short, config)).toEqual(first);
    const other = await run({ ...short, seed: 4 }, config);
    expect(other.steps[0].loss).not.toBe(first.steps[0].loss);
    expect(other.parameters).not.toEqual(first.parameters);
  });

  it("learns a pattern", async () => {
    const { steps } = await run({ maxSteps: 150, batchSize: 8, learningRate: 1e-2, seed: 1 });
    const mean = (part: typeof steps): number => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    expect(mean(steps.slice(0, 5))).toBeGreaterThan(1.8); // ln 8 = 2.08 for a model that knows nothing
    expect(mean(steps.slice(-5))).toBeLessThan(1);
  });

  it("reports steps from 1, the schedule's learning rate, and a pace", async () => {
    const options = {
      maxSteps: 30,
      batchSize: 2,
      seqLen: 4,
      accumulationSteps: 3,
      learningRate: 0.01,
      minLearningRate: 0.002,
      warmupSteps: 5,
    };
    const steps = await stepsOf(train(tinyModel(), tokens, options));
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(steps.map(({ learningRate }) => learningRate)).toEqual(steps.map((_, i) => learningRateAt(i, options)));
    for (const { tokensPerSecond, gradNorm, etaSeconds } of steps) {
      expect(tokensPerSecond).toBeGreaterThan(0);
      expect(gradNorm).toBeGreaterThan(0);
      expect(etaSeconds).toBeGreaterThanOrEqual(0);
    }
    expect(steps[29].etaSeconds).toBe(0);
  });

  it("by default warms up for a tenth of the steps, at most 100, and ends near a tenth of the greatest rate", async () => {
    const rates = async (maxSteps: number, count: number): Promise<number[]> =>
      (await stepsOf(train(tinyModel(), tokens, { maxSteps, batchSize: 1, seqLen: 1 }), count)).map(
        ({ learningRate }) => learningRate,
      );
    expect(await rates(20, 20)).toEqual(
      Array.from({ length: 20 }, (_, i) =>
        learningRateAt(i, { learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 2, maxSteps: 20 }),
      ),
    );
    expect((await rates(5000, 2))[0]).toBeCloseTo(1e-3 / 101, 12);
  });

  it("with two batches of four accumulated takes the step of one batch of eight", async () => {
    const one = await run({ ...short, batchSize: 8 });
    const two = await run({ ...short, batchSize: 4, accumulationSteps: 2 });
    two.steps.forEach(({ loss, gradNorm }, i) => {
      expect(Math.abs(loss - one.steps[i].loss)).toBeLessThan(1e-4);
      expect(Math.abs(gradNorm - one.steps[i].gradNorm)).toBeLessThan(1e-4);
    });
    for (const [name, data] of two.parameters) {
      if (name.endsWith("kProj.bias")) continue; // its gradient is zero: AdamW makes steps of what rounding leaves of it
      data.forEach((value, i) => {
        expect(Math.abs(value - (one.parameters.get(name)?.[i] ?? NaN)), name).toBeLessThan(1e-4);
      });
    }
  });

  it("draws the same batches with dropout as without", async () => {
    const states = await Promise.all(
      [0, 0.5].map(async (dropout) => {
        const training = train(tinyModel({ dropout }), tokens, short);
        return { steps: await stepsOf(training), state: training.state() };
      }),
    );
    expect(states[0].state.batchRandom).toEqual(states[1].state.batchRandom);
    expect(states[0].state.dropoutRandom).not.toEqual(states[1].state.dropoutRandom);
    expect(states[0].steps[0].loss).not.toBe(states[1].steps[0].loss);
  });

  it("never lets the clipped gradient move more than its limit, and reports the norm before", async () => {
    const free = await run({ ...short, maxSteps: 1, gradClip: 0 });
    const clipped = await run({ ...short, maxSteps: 1, gradClip: 1e-3 });
    expect(clipped.steps[0].gradNorm).toBe(free.steps[0].gradNorm);
    const training = train(tinyModel(), tokens, { ...short, maxSteps: 1, gradClip: 1e-3, beta1: 0 });
    await stepsOf(training);
    let squares = 0; // with beta1 = 0 the first running mean is the gradient itself
    for (const data of training.state().optimizer.m.values())
      data.forEach((value) => {
        squares += value ** 2;
      });
    expect(Math.sqrt(squares)).toBeLessThanOrEqual(1e-3 * (1 + 1e-5));
    expect(Math.sqrt(squares)).toBeGreaterThan(0.99e-3);
  });

  it("learns nothing from gradients that were there before", async () => {
    const model = tinyModel();
    const leftover = (): void => sum(model.forward([1, 2, 3])).backward();
    leftover();
    for await (const _ of train(model, tokens, short)) leftover();
    expect(snapshot(model)).toEqual((await run(short)).parameters);
  });

  it("leaves no gradients behind", async () => {
    const model = tinyModel();
    await stepsOf(train(model, tokens, short));
    for (const { grad } of model.parameters().values()) expect(grad).toBeNull();
  });

  it("takes typed arrays as well as lists", async () => {
    const model = tinyModel();
    await stepsOf(train(model, Uint16Array.from(tokens), short));
    expect(snapshot(model)).toEqual((await run(short)).parameters);
  });
});

describe("validation", () => {
  it("as a share judges by the last part of the tokens and learns from the rest alone", async () => {
    const model = tinyModel();
    const steps = await stepsOf(train(model, tokens, { ...short, validation: 0.25 }));
    const rest = tinyModel();
    await stepsOf(train(rest, tokens.slice(0, 150), short));
    expect(snapshot(model)).toEqual(snapshot(rest));
    expect(steps[5].validationLoss).toBe(await evaluate(model, tokens.slice(150), { batchSize: 4 }));
  });

  it("as tokens judges by them, and changes nothing of the training", async () => {
    const others = tokens.slice(0, 60).reverse();
    const model = tinyModel();
    const steps = await stepsOf(train(model, tokens, { ...short, validation: others, evalWindows: 2 }));
    expect(snapshot(model)).toEqual((await run(short)).parameters);
    expect(steps[5].validationLoss).toBe(await evaluate(model, others, { batchSize: 4, maxWindows: 2 }));
  });

  it("happens every evalEvery steps and after the last one", async () => {
    const { steps } = await run({ ...short, maxSteps: 7, validation: 0.2, evalEvery: 3 });
    expect(steps.filter(({ validationLoss }) => validationLoss !== undefined).map(({ step }) => step)).toEqual([
      3, 6, 7,
    ]);
  });
});

describe("the end of a training", () => {
  it("comes when the reader leaves: no further step is taken", async () => {
    const model = tinyModel();
    await stepsOf(train(model, tokens, short), 2);
    const after = snapshot(model);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(snapshot(model)).toEqual(after);
    const two = tinyModel();
    const steps = train(two, tokens, short)[Symbol.asyncIterator]();
    await steps.next();
    await steps.next();
    expect(snapshot(two)).toEqual(after);
  });

  it("comes through the signal, and the model keeps what it has learnt", async () => {
    const model = tinyModel();
    const controller = new AbortController();
    const taken: number[] = [];
    const training = (async () => {
      for await (const { step } of train(model, tokens, { ...short, signal: controller.signal })) {
        taken.push(step);
        if (step === 2) controller.abort("enough");
      }
    })();
    await expect(training).rejects.toMatchObject({
      name: "AbortError",
      message: "train: stopped through its AbortSignal",
      cause: "enough",
    });
    expect(taken).toEqual([1, 2]);
    const two = tinyModel();
    await stepsOf(train(two, tokens, short), 2);
    expect(snapshot(model)).toEqual(snapshot(two));
  });

  it("can be asked for by a timer while the model works", async () => {
    await expect(
      stepsOf(train(tinyModel(), tokens, { maxSteps: 1_000_000, signal: AbortSignal.timeout(100) })),
    ).rejects.toThrow(AbortError);
  });

  it("comes when the loss is no longer finite, with the model as it was before that step", async () => {
    const model = tinyModel();
    let last = snapshot(model);
    let count = 0;
    const wild = (async () => {
      for await (const { step } of train(model, tokens, {
        maxSteps: 50,
        batchSize: 2,
        learningRate: 1e30,
        warmupSteps: 0,
        gradClip: 0,
      })) {
        last = snapshot(model);
        count = step;
      }
    })();
    const error = await wild.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HeedError);
    expect(error).toMatchObject({
      code: "diverged",
      message: expect.stringMatching(
        /^train: step \d+ has loss .* and gradient norm .*; the model is as it was before it; lower learningRate or gradClip$/,
      ),
    });
    expect((error as HeedError).details.step).toBe(count + 1);
    expect(snapshot(model)).toEqual(last);
    for (const { grad } of model.parameters().values()) expect(grad).toBeNull();
  });
});

describe("misuse", () => {
  it("a training can be read once", async () => {
    const training = train(tinyModel(), tokens, short);
    await stepsOf(training, 1);
    await expect(stepsOf(training)).rejects.toThrow(
      "train: this training has already been read; call train again, with resume to continue",
    );
  });

  it("there is no state before the first step", () => {
    expectError(
      () => train(tinyModel(), tokens, short).state(),
      ConfigError,
      "train: no state yet; ask for it after the first step",
    );
  });

  it("tokens must be enough and known", async () => {
    const attempt = async (text: ArrayLike<number>, options = {}): Promise<unknown> =>
      stepsOf(train(tinyModel(), text, { ...short, ...options }));
    await expect(attempt([])).rejects.toThrow(
      "train: needs more than seqLen = 8 tokens, got 0; give more text or a smaller seqLen",
    );
    await expect(attempt([1, 2, 3])).rejects.toThrow("got 3; give more text or a smaller seqLen");
    await expect(attempt([1, 2, 3], { seqLen: 2 })).resolves.toHaveLength(6);
    await expect(attempt([...tokens, 8])).rejects.toThrow(
      "train: token 8 at position 200 is not in the model's vocabulary of 8; build the model with vocabSize: tokenizer.vocabSize",
    );
    await expect(attempt(tokens, { validation: [1, 2] })).rejects.toThrow(
      "train: validation: needs more than seqLen = 8 tokens, got 2",
    );
    await expect(attempt(tokens, { validation: 0.01 })).rejects.toThrow(
      "train: validation part of the tokens: needs more than seqLen = 8 tokens, got 2",
    );
    await expect(attempt(tokens, { validation: 0.99 })).rejects.toThrow(
      "train: train part of the tokens: needs more than seqLen = 8 tokens",
    );
    await expect(attempt("abc" as unknown as number[])).rejects.toThrow(
      "train: tokens must be a list of ids, as tokenizer.encode gives it, got string",
    );
  });
});
