/** Model configs: defaults, errors, presets. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { checkPositions, presets, resolveConfig } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { expectError } from "../expect-error.ts";

const SIZES = { vocabSize: 100, contextLength: 16, dModel: 24, nLayers: 2, nHeads: 4 };

describe("resolveConfig", () => {
  it("fills in the defaults of the GPT-2 family", () => {
    expect(resolveConfig(SIZES)).toEqual({
      ...SIZES,
      nKvHeads: 4,
      headDim: 6,
      dFf: 96,
      norm: "layerNorm",
      normEps: 1e-5,
      activation: "geluTanh",
      gated: false,
      position: "learned",
      ropeTheta: 10_000,
      rotaryPairing: "halves",
      rotaryDim: 6,
      ropeScaling: null,
      rotaryLayers: null,
      slidingRopeTheta: null,
      bias: true,
      qkvBias: true,
      normBias: true,
      normOffset: 0,
      normPlacement: "pre",
      qkNorm: "none",
      parallelBlocks: false,
      attentionScale: 1 / Math.sqrt(6),
      attentionSoftcap: null,
      logitSoftcap: null,
      slidingWindow: null,
      slidingLayers: null,
      embeddingScale: 1,
      tieEmbeddings: true,
      dropout: 0,
    });
  });

  it("makes the inner width of a gated layer 8/3 · dModel, rounded up to a multiple of 4", () => {
    for (const [dModel, dFf] of [
      [24, 64],
      [64, 172],
      [768, 2048],
      [4, 12],
    ]) {
      expect(resolveConfig({ ...SIZES, dModel, nHeads: 1, gated: true }).dFf).toBe(dFf);
    }
  });

  it("keeps what it is given, and takes undefined for absent", () => {
    const given: Required<ModelConfig> = {
      ...SIZES,
      nKvHeads: 2,
      headDim: 8,
      dFf: 10,
      norm: "rmsNorm",
      normEps: 1e-6,
      activation: "silu",
      gated: true,
      position: "rotary",
      ropeTheta: 500,
      rotaryPairing: "pairs",
      rotaryDim: 4,
      ropeScaling: { type: "linear", factor: 2 },
      rotaryLayers: [true, false],
      slidingRopeTheta: 20,
      bias: false,
      qkvBias: true,
      normBias: true,
      normOffset: 1,
      normPlacement: "both",
      qkNorm: "head",
      parallelBlocks: false,
      attentionScale: 0.3,
      attentionSoftcap: 50,
      logitSoftcap: 30,
      slidingWindow: 3,
      slidingLayers: [false, true],
      embeddingScale: 4,
      tieEmbeddings: false,
      dropout: 0.1,
    };
    expect(resolveConfig(given)).toEqual(given);
    expect(resolveConfig({ ...SIZES, dFf: undefined, ropeTheta: undefined, norm: undefined })).toEqual(
      resolveConfig(SIZES),
    );
  });

  it("cannot be changed afterwards, nor by changing what was given", () => {
    const given = { ...SIZES };
    const config = resolveConfig(given);
    given.nLayers = 9;
    expect(config.nLayers).toBe(2);
    expect(Object.isFrozen(config)).toBe(true);
  });

  const rotary = { position: "rotary" as const };
  const bad: [object, string][] = [
    [{ vocabSize: undefined }, "vocabSize must be an integer from 1 to 2147483647, got undefined"],
    [{ contextLength: 0 }, "contextLength must be an integer from 1 to 2147483647, got 0"],
    [{ dModel: 1.5 }, "dModel must be an integer from 1 to 2147483647, got 1.5"],
    [{ nLayers: "2" }, 'nLayers must be an integer from 1 to 10000, got "2"'],
    [{ nHeads: NaN }, "nHeads must be an integer from 1 to 2147483647, got NaN"],
    [
      { n_layer: 2 },
      /^ModelConfig: unknown option "n_layer"; known options: vocabSize, contextLength, .*dropout$/.source,
    ],
    [{ nHeads: 5 }, "dModel must be a multiple of nHeads unless headDim is given, got dModel 24 and nHeads 5"],
    [{ nKvHeads: 3 }, "nKvHeads must divide nHeads, got 3 and 4"],
    [{ nKvHeads: 8 }, "nKvHeads must be an integer from 1 to 4, got 8"],
    [{ nKvHeads: 0 }, "nKvHeads must be an integer from 1 to 4, got 0"],
    [{ headDim: 0 }, "headDim must be an integer from 1 to 1048576, got 0"],
    [{ dFf: 0 }, "dFf must be an integer from 1 to 2147483647, got 0"],
    [{ normEps: -1 }, "normEps must be a number from 0 to 1, got -1"],
    [{ normEps: NaN }, "normEps must be a number from 0 to 1, got NaN"],
    [{ dropout: 1 }, "dropout must be a number from 0 to 0.999, got 1"],
    [{ ...rotary, ropeTheta: 0.5 }, "ropeTheta must be a number finite and >= 1, got 0.5"],
    [{ ropeTheta: 100 }, 'ropeTheta needs position "rotary", got position "learned"'],
    [
      { position: "sinusoidal", rotaryPairing: "pairs" },
      'rotaryPairing needs position "rotary", got position "sinusoidal"',
    ],
    [{ ...rotary, rotaryPairing: "quarters" }, "rotaryPairing must be one of halves, pairs, got quarters"],
    [{ norm: "batchNorm" }, "norm must be one of layerNorm, rmsNorm, got batchNorm"],
    [{ activation: "swish" }, "activation must be one of gelu, geluTanh, silu, relu, got swish"],
    [{ position: "alibi" }, "position must be one of learned, sinusoidal, rotary, got alibi"],
    [{ gated: 1 }, "gated must be true or false, got 1"],
    [{ bias: "no" }, 'bias must be true or false, got "no"'],
    [{ tieEmbeddings: null }, "tieEmbeddings must be true or false, got null"],
    [{ ...rotary, headDim: 5 }, "rotary positions need an even headDim, got 5"],
    [{ position: "sinusoidal", dModel: 25, nHeads: 1 }, "sinusoidal positions need an even dModel, got 25"],
    [{ nLayers: 1e9 }, "nLayers must be an integer from 1 to 10000, got 1000000000"],
    [
      { vocabSize: 1e9 },
      "vocabSize × dModel must be at most 2147483647, the most numbers of a matrix, got 1000000000 × 24",
    ],
    [{ dFf: 1e9 }, "dFf × dModel must be at most 2147483647, the most numbers of a matrix, got 1000000000 × 24"],
    [
      { dModel: 1e6, vocabSize: 5 },
      "nHeads × headDim × dModel must be at most 2147483647, the most numbers of a matrix, got 1000000 × 1000000",
    ],
    [
      { nHeads: 1e4, headDim: 1e4 },
      "nHeads × headDim × dModel must be at most 2147483647, the most numbers of a matrix, got 100000000 × 24",
    ],
  ];

  it.each(bad)("refuses %j", (change, message) => {
    const config = { ...SIZES, ...change } as ModelConfig;
    expectError(
      () => resolveConfig(config),
      ConfigError,
      message.startsWith("^") ? new RegExp(message) : `ModelConfig: ${message}`,
    );
  });
});

describe("a config that is none", () => {
  it.each([
    [undefined, "needs sizes, for example presets.gpt2(), got nothing"],
    [null, "options must be an object, got null"],
    [[], "options must be an object, got an array"],
    [{}, "vocabSize must be an integer from 1 to 2147483647, got undefined"],
  ])("%j is refused", (config, message) => {
    expectError(() => resolveConfig(config as ModelConfig), ConfigError, `ModelConfig: ${message}`);
  });
});

describe("checkPositions", () => {
  const check = (change: Partial<ModelConfig>): void =>
    checkPositions(resolveConfig({ ...SIZES, contextLength: 2e9, ...change }));

  it.each([
    ["rotary", 6, 22_369_621],
    ["learned", 24, 5_592_405],
    ["sinusoidal", 24, 5_592_405],
  ] as const)("says the longest context of %s positions", (position, width, longest) => {
    expectError(
      () => check({ position }),
      ConfigError,
      `ModelConfig: contextLength 2000000000 needs a table of ${position} positions beyond 134217728 numbers; it may be at most ${longest}`,
    );
    check({ position, contextLength: longest });
    expect((longest + 1) * width).toBeGreaterThan(2 ** 27);
  });
});

describe("presets", () => {
  it("gpt2 is the 124M model and llama a grouped one of its size", () => {
    expect(resolveConfig(presets.gpt2())).toMatchObject({
      vocabSize: 50_257,
      contextLength: 1024,
      dModel: 768,
      nLayers: 12,
      nHeads: 12,
      dFf: 3072,
      norm: "layerNorm",
      tieEmbeddings: true,
    });
    expect(resolveConfig(presets.llama())).toMatchObject({
      nKvHeads: 4,
      headDim: 64,
      dFf: 2048,
      norm: "rmsNorm",
      activation: "silu",
      gated: true,
      position: "rotary",
      bias: false,
      tieEmbeddings: false,
    });
  });

  it.each(["gpt2", "llama"] as const)("%s takes what should differ, and undefined for absent", (name) => {
    expect(resolveConfig(presets[name]({ nLayers: 1, dModel: 64, nHeads: 8, vocabSize: 10 }))).toMatchObject({
      nLayers: 1,
      dModel: 64,
      nHeads: 8,
      nKvHeads: 8,
      vocabSize: 10,
    });
    expect(presets[name]({ vocabSize: undefined, nHeads: undefined })).toEqual(presets[name]());
    expectError(() => resolveConfig(presets[name]({ layers: 1 } as object)), ConfigError, /unknown option "layers"/);
  });

  it.each(["gpt2", "llama"] as const)("%s refuses what is no set of options", (name) => {
    expectError(() => presets[name](null as never), ConfigError, "presets: options must be an object, got null");
    expectError(() => presets[name](3 as never), ConfigError, "presets: options must be an object, got number");
  });

  it("llama shares keys and values as it is told", () => {
    expect(resolveConfig(presets.llama({ nHeads: 8, nKvHeads: 2, dModel: 64 }))).toMatchObject({
      nHeads: 8,
      nKvHeads: 2,
    });
    expect(resolveConfig(presets.llama({ nKvHeads: 2 }))).toMatchObject({ nHeads: 12, nKvHeads: 2 });
  });
});
