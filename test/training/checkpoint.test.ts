/** A training that was put away and taken up again is bit for bit one that never stopped. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, FileError, FormatError } from "../../src/errors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { decodeCheckpoint, encodeCheckpoint, loadCheckpoint, saveCheckpoint } from "../../src/training/checkpoint.ts";
import { train } from "../../src/training/train.ts";
import type { TrainOptions, TrainingState } from "../../src/training/train.ts";
import { expectError } from "../expect-error.ts";
import { snapshot, stepsOf, tinyModel, tokens } from "./models.ts";

const options: TrainOptions = {
  maxSteps: 12,
  batchSize: 3,
  accumulationSteps: 2,
  seed: 5,
  warmupSteps: 3,
  validation: 0.2,
};
const config = { dropout: 0.3 };
const FILE = "training.safetensors";

let folder: string;
let interrupted: TrainingState;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heed-checkpoint-"));
  const training = train(tinyModel(config), tokens, options);
  await stepsOf(training, 7);
  interrupted = training.state();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A model of the same shape with other weights, which resuming must replace. */
const otherWeights = (): Transformer => tinyModel(config, 77);

async function expectSameEnd(resume: TrainingState): Promise<void> {
  const whole = tinyModel(config);
  const uninterrupted = train(whole, tokens, options);
  const allSteps = await stepsOf(uninterrupted);
  const taken = otherWeights();
  const resumed = train(taken, tokens, { ...options, resume });
  const laterSteps = await stepsOf(resumed);
  const facts = ({ step, loss, gradNorm, learningRate, validationLoss }: (typeof allSteps)[number]): unknown => ({
    step,
    loss,
    gradNorm,
    learningRate,
    validationLoss,
  });
  expect(laterSteps.map(facts)).toEqual(allSteps.slice(7).map(facts));
  expect(snapshot(taken)).toEqual(snapshot(whole));
  expect(resumed.state()).toEqual(uninterrupted.state());
}

describe("a checkpoint", () => {
  it("is taken up again bit for bit through a folder", async () => {
    const place = join(folder, "deep", "folder");
    await saveCheckpoint(interrupted, place);
    expect(await readdir(place)).toEqual([FILE]);
    const state = await loadCheckpoint(place);
    expect(state).toEqual(interrupted);
    await expectSameEnd(state);
  });

  it("is taken up again bit for bit through a Map", async () => {
    const files = new Map<string, Uint8Array>();
    await saveCheckpoint(interrupted, files);
    expect([...files.keys()]).toEqual([FILE]);
    await expectSameEnd(await loadCheckpoint(files));
  });

  it("can be taken after any step", async () => {
    for (const count of [1, 11]) {
      const training = train(tinyModel(config), tokens, options);
      await stepsOf(training, count);
      const resumed = train(otherWeights(), tokens, {
        ...options,
        resume: decodeCheckpoint(encodeCheckpoint(training.state())),
      });
      expect((await stepsOf(resumed)).map(({ step }) => step)).toEqual(
        Array.from({ length: 12 - count }, (_, i) => count + 1 + i),
      );
    }
  });

  it("of a training that is complete is not taken up", async () => {
    const done = train(tinyModel(config), tokens, options);
    await stepsOf(done);
    for (const maxSteps of [12, 24]) {
      const more = train(otherWeights(), tokens, { ...options, maxSteps, resume: done.state() });
      await expect(stepsOf(more)).rejects.toThrow(
        "train: resume is of a training that is complete, with 12 of 12 steps; to train further, start a new training from the saved model",
      );
    }
  });

  it("is a copy: training on does not change it", async () => {
    const training = train(tinyModel(config), tokens, options);
    const steps = training[Symbol.asyncIterator]();
    await steps.next();
    const state = training.state();
    const bytes = encodeCheckpoint(state);
    await steps.next();
    expect(encodeCheckpoint(state)).toEqual(bytes);
    expect(encodeCheckpoint(training.state())).not.toEqual(bytes);
  });

  it("does not change when the bytes that it was read from do", () => {
    const bytes = encodeCheckpoint(interrupted);
    const state = decodeCheckpoint(bytes);
    bytes.fill(255);
    expect(state).toEqual(interrupted);
  });

  it("remembers the settings, defaults filled in", () => {
    expect(decodeCheckpoint(encodeCheckpoint(interrupted)).settings).toEqual({
      maxSteps: 12,
      batchSize: 3,
      seqLen: 8,
      accumulationSteps: 2,
      learningRate: 1e-3,
      minLearningRate: 1e-4,
      warmupSteps: 3,
      gradClip: 1,
      labelSmoothing: 0,
      seed: 5,
      trainTokens: 160,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0.1,
      decay: "matrices",
    });
  });

  it("keeps the bits of numbers, NaN and -0 too", () => {
    const odd = Float32Array.of(NaN, -0, Infinity, 1e-45, 0.1);
    const state: TrainingState = { ...interrupted, parameters: new Map([["a/b", odd]]) };
    expect(decodeCheckpoint(encodeCheckpoint(state)).parameters.get("a/b")).toEqual(odd);
  });

  it("replaces an older one in the same folder", async () => {
    const place = join(folder, "again");
    await saveCheckpoint({ ...interrupted, optimizer: { ...interrupted.optimizer, step: 1 } }, place);
    await saveCheckpoint(interrupted, place);
    expect((await loadCheckpoint(place)).optimizer.step).toBe(7);
    expect(await readdir(place)).toEqual([FILE]);
  });
});

describe("what is no checkpoint", () => {
  const damaged: Record<string, () => Uint8Array> = {
    empty: () => new Uint8Array(0),
    "cut in the header": () => encodeCheckpoint(interrupted).slice(0, 100),
    "cut in the numbers": () => encodeCheckpoint(interrupted).slice(0, -1),
    "longer than it says": () => new Uint8Array([...encodeCheckpoint(interrupted), 0]),
    "not safetensors": () => new TextEncoder().encode("PK\u0003\u0004 something else entirely"),
    "a model": () => writeSafetensors(new Map([["x", { shape: [1], data: Float32Array.of(1) }]])),
  };

  it.each(Object.keys(damaged))("is a FormatError: %s", async (name) => {
    const bytes = damaged[name]();
    await expect(loadCheckpoint(new Map([[FILE, bytes]]))).rejects.toThrow(FormatError);
    expectError(() => decodeCheckpoint(bytes, "saved.safetensors"), FormatError, /^saved\.safetensors: /);
  });

  const format = "heed-checkpoint-1";
  const random = [1, 2, 3, 4];
  it.each([
    ["nothing", undefined],
    ["no JSON", "{"],
    ["null", "null"],
    ["no step", JSON.stringify({ batchRandom: random, dropoutRandom: random })],
    ["a negative step", JSON.stringify({ step: -1, batchRandom: random, dropoutRandom: random })],
    ["a broken step", JSON.stringify({ step: 1.5, batchRandom: random, dropoutRandom: random })],
    ["a short random state", JSON.stringify({ step: 1, batchRandom: [1, 2, 3], dropoutRandom: random })],
    ["a random state of texts", JSON.stringify({ step: 1, batchRandom: random, dropoutRandom: ["1", "2", "3", "4"] })],
  ])("is a FormatError: progress that is %s", (_, progress) => {
    const bytes = writeSafetensors(new Map(), { format, ...(progress !== undefined && { progress }) });
    expectError(() => decodeCheckpoint(bytes), FormatError, /^checkpoint: metadata "progress"/);
  });

  it("is a FormatError: settings that are missing or not whole", () => {
    const progress = JSON.stringify({ step: 1, batchRandom: random, dropoutRandom: random });
    const { seed: _, ...rest } = interrupted.settings;
    for (const settings of [undefined, "{", "null", "[]", "{}", JSON.stringify(rest)]) {
      const bytes = writeSafetensors(new Map(), { format, progress, ...(settings !== undefined && { settings }) });
      expectError(() => decodeCheckpoint(bytes), FormatError, /^checkpoint: metadata "settings"/);
    }
  });

  it("says what a model folder is opened with", () => {
    expectError(
      () => decodeCheckpoint(damaged["a model"]()),
      FormatError,
      'checkpoint: not a checkpoint of heed (format "pt", expected "heed-checkpoint-1"); a model folder is opened with loadModel',
    );
  });

  it("is a FileError where there is none", async () => {
    await expect(loadCheckpoint(join(folder, "nowhere"))).rejects.toThrow(FileError);
    await expect(loadCheckpoint(folder)).rejects.toThrow(
      /there is no training\.safetensors in .*; saveCheckpoint makes it/,
    );
    await expect(loadCheckpoint(new Map())).rejects.toThrow(FileError);
  });

  it("is a ConfigError where it belongs to another model, which stays as it is", async () => {
    const wrong: Partial<ModelConfig>[] = [
      { dModel: 16 },
      { nLayers: 2 },
      { norm: "rmsNorm" },
      { position: "sinusoidal" },
    ];
    for (const change of wrong) {
      const model = tinyModel(change);
      const before = snapshot(model);
      await expect(stepsOf(train(model, tokens, { ...options, resume: interrupted }))).rejects.toThrow(ConfigError);
      expect(snapshot(model)).toEqual(before);
    }
    const wide = train(tinyModel({ dModel: 16 }), tokens, { ...options, resume: interrupted });
    await expect(stepsOf(wide)).rejects.toThrow(
      'the state does not fit parameter "tokenEmbedding.weight" of 128 numbers; it belongs to another model',
    );
  });
});

describe("a checkpoint beside other options", () => {
  const others: TrainOptions = {
    maxSteps: 24,
    batchSize: 4,
    seqLen: 7,
    accumulationSteps: 1,
    learningRate: 2e-3,
    minLearningRate: 0,
    warmupSteps: 2,
    gradClip: 2,
    labelSmoothing: 0.1,
    seed: 99,
    beta1: 0.8,
    beta2: 0.9,
    eps: 1e-6,
    weightDecay: 0,
    decay: "all",
  };

  it.each(Object.entries(others))(
    "is a ConfigError that names %s, and the model stays as it is",
    async (name, value) => {
      const model = otherWeights();
      const before = snapshot(model);
      const saved = interrupted.settings[name as keyof TrainingState["settings"]];
      await expect(stepsOf(train(model, tokens, { ...options, [name]: value, resume: interrupted }))).rejects.toThrow(
        `train: resume was made with ${name} ${saved}, got ${value};`,
      );
      expect(snapshot(model)).toEqual(before);
    },
  );

  it("is a ConfigError where the tokens to learn from are more or fewer", async () => {
    for (const change of [{ validation: 0.3 }, { validation: undefined }])
      await expect(
        stepsOf(train(otherWeights(), tokens, { ...options, ...change, resume: interrupted })),
      ).rejects.toThrow("train: resume was made with trainTokens 160, got");
  });

  it("goes on where they only judge, or are named though they are the default", async () => {
    const change = { evalEvery: 1, evalWindows: 2, learningRate: 1e-3, gradClip: 1, beta1: 0.9 };
    const model = otherWeights();
    await stepsOf(train(model, tokens, { ...options, ...change, resume: interrupted }));
    const whole = tinyModel(config);
    await stepsOf(train(whole, tokens, options));
    expect(snapshot(model)).toEqual(snapshot(whole));
  });
});

describe("a state made by hand", () => {
  it("is a ConfigError unless it is whole, and the model stays as it is", async () => {
    const { optimizer, parameters } = interrupted;
    const changes: Record<string, unknown>[] = [
      { settings: undefined },
      { settings: {} },
      { batchRandom: undefined },
      { batchRandom: 5 },
      { dropoutRandom: [1, 2, 3] },
      { parameters: {} },
      { parameters: undefined },
      { parameters: new Map([...parameters, ["lmHead.weight", new Float32Array(1)]]) },
      { parameters: new Map<string, unknown>([...parameters, ["finalNorm.bias", null]]) },
      { parameters: new Map([...parameters, ["finalNorm.bias", new Float32Array(3)]]) },
      { optimizer: undefined },
      { optimizer: { ...optimizer, step: NaN } },
      { optimizer: { ...optimizer, step: -1 } },
      { optimizer: { ...optimizer, m: undefined } },
      { optimizer: { ...optimizer, v: {} } },
      { optimizer: { ...optimizer, v: new Map([...optimizer.v, ["lmHead.weight", new Float32Array(1)]]) } },
    ];
    for (const change of changes) {
      const model = otherWeights();
      const before = snapshot(model);
      const resume = { ...interrupted, ...change } as unknown as TrainingState;
      await expect(stepsOf(train(model, tokens, { ...options, resume })), Object.keys(change)[0]).rejects.toThrow(
        ConfigError,
      );
      expect(snapshot(model)).toEqual(before);
    }
  });
});

describe("where a checkpoint cannot be saved", () => {
  it("a FileError says why, and nothing else is harmed", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "kept");
    await expect(saveCheckpoint(interrupted, file)).rejects.toThrow(FileError);
    await expect(saveCheckpoint(interrupted, join(file, "below"))).rejects.toThrow(FileError);
    expect(await readFile(file, "utf8")).toBe("kept");
  });

  it("a ConfigError names a target that is no place", async () => {
    for (const target of [null, 5, {}]) {
      await expect(saveCheckpoint(interrupted, target as unknown as string)).rejects.toThrow(
        "saveCheckpoint: the target must be the path of a folder or a Map",
      );
    }
    await expect(saveCheckpoint(interrupted, "")).rejects.toThrow(ConfigError);
  });
});
