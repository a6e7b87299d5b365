/** Every option works or throws: each one, flipped, changes what comes out, and each bad value is named. */
import { describe, expect, it } from "vitest";
import { ConfigError, HeedError } from "../../src/errors.ts";
import { generate } from "../../src/generation/generate.ts";
import type { GenerationResult } from "../../src/generation/generate.ts";
import { resolveOptions } from "../../src/generation/options.ts";
import type {
  BeamOptions,
  GenerateCommon,
  GenerateOptions,
  GreedyOptions,
  SampleOptions,
} from "../../src/generation/options.ts";
import { expectError } from "../expect-error.ts";
import { strategies, tinyLanguageModel, tinyModel } from "./models.ts";

type Strategy = keyof typeof strategies;
type Values = Readonly<Record<string, unknown>>;

/** What to ask for besides the option, and two values of it that must make a difference; both may depend on the plain result. */
interface Flip {
  readonly beside?: (plain: GenerationResult) => Values;
  readonly from?: unknown;
  readonly to: (plain: GenerationResult) => unknown;
}

/** An option without a row here does not compile. */
const common: Readonly<Record<keyof GenerateCommon, Flip>> = {
  maxNewTokens: { from: 3, to: () => 5 },
  minNewTokens: {
    beside: ({ tokens }) => ({ eosIds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].filter((token) => token !== tokens[0]) }),
    to: () => 8,
  },
  stop: { to: ({ text }) => text[2] },
  eosIds: { from: [], to: ({ tokens }) => [tokens[2]] },
  logprobs: { to: () => 2 },
  repetitionPenalty: { to: () => 8 },
  noRepeatNgram: { to: () => 1 },
  logitBias: { to: ({ tokens }) => ({ [tokens[0]]: -Infinity }) },
  signal: { to: () => AbortSignal.abort() },
  onAbort: { beside: () => ({ signal: AbortSignal.abort() }), to: () => "return" },
};

const own: {
  readonly greedy: Readonly<Record<Exclude<keyof GreedyOptions, keyof GenerateCommon>, Flip>>;
  readonly sample: Readonly<Record<Exclude<keyof SampleOptions, keyof GenerateCommon>, Flip>>;
  readonly beam: Readonly<Record<Exclude<keyof BeamOptions, keyof GenerateCommon>, Flip>>;
} = {
  greedy: { strategy: { from: "greedy", to: () => "sample" } },
  sample: {
    strategy: { from: "sample", to: () => "greedy" },
    temperature: { to: () => 30 },
    topK: { to: () => 1 },
    topP: { to: () => 0.05 },
    seed: { from: 3, to: () => 4 },
  },
  beam: {
    strategy: { from: "beam", to: () => "greedy" },
    numBeams: { from: 3, to: () => 2 },
    numReturnSequences: { to: () => 2 },
    lengthPenalty: { from: 1, to: () => 0.5 },
    lengthNormalization: { to: () => "full" },
    earlyStopping: { beside: () => ({ eosIds: [0, 1, 2], lengthPenalty: 2 }), from: true, to: () => "never" },
  },
};

const lm = tinyLanguageModel(6);

/** Everything that a generation comes to, except how long it took; or its error. */
async function outcome(options: Values): Promise<unknown> {
  try {
    const {
      usage: { promptTokens, completionTokens },
      ...result
    } = await generate(lm, "ab", options as GenerateOptions);
    return { ...result, usage: { promptTokens, completionTokens } };
  } catch (error) {
    if (!(error instanceof HeedError)) throw error;
    return { kind: error.name, message: error.message };
  }
}

const flips = (Object.keys(strategies) as Strategy[]).flatMap((strategy) => {
  const rows: Readonly<Record<string, Flip>> = { ...common, ...own[strategy] };
  return Object.entries(rows).map(([option, flip]) => ({ strategy, option, flip }));
});

describe("every option of every strategy", () => {
  it.each(flips)(
    "$strategy: $option makes a difference, or its conflict is named",
    async ({ strategy, option, flip }) => {
      const base = { ...strategies[strategy], maxNewTokens: 8 };
      const plain = await generate(lm, "ab", base);
      const beside = { ...base, ...flip.beside?.(plain), ...(flip.from !== undefined && { [option]: flip.from }) };
      const before = await outcome(beside);
      expect(await outcome(beside)).toEqual(before); // so the difference below is the option's
      const after = await outcome({ ...beside, [option]: flip.to(plain) });
      expect(after).not.toEqual(before);
      if (after instanceof Object && "kind" in after && after.kind === "ConfigError")
        expect(after).toHaveProperty("message", expect.stringContaining(option));
      if (option !== "strategy") expect(after).not.toHaveProperty("kind", "ConfigError");
    },
  );

  it.each(Object.keys(strategies) as Strategy[])("%s: an explicit undefined counts as absent", async (strategy) => {
    const all = [...Object.keys(common), ...Object.values(own).flatMap(Object.keys)];
    const absent = Object.fromEntries(all.map((option) => [option, undefined]));
    expect(await outcome({ ...absent, ...strategies[strategy] })).toEqual(
      await outcome(strategies[strategy] as Values),
    );
  });

  it("an option of another strategy is named together with both strategies", async () => {
    const samples: Values = {
      temperature: 1,
      topK: 1,
      topP: 1,
      seed: 1,
      numBeams: 1,
      numReturnSequences: 1,
      lengthPenalty: 1,
      lengthNormalization: "full",
      earlyStopping: true,
    };
    for (const strategy of Object.keys(strategies) as Strategy[]) {
      for (const other of ["sample", "beam"] as const) {
        for (const option of Object.keys(own[other]).filter((name) => name !== "strategy" && other !== strategy)) {
          expect(await outcome({ ...strategies[strategy], [option]: samples[option] })).toEqual({
            kind: "ConfigError",
            message: `generate: option "${option}" belongs to strategy "${other}", not "${strategy}"; set strategy: "${other}" or leave it out`,
          });
        }
      }
    }
  });

  it("an unknown option is named, with those there are", async () => {
    for (const [strategy, base] of Object.entries(strategies)) {
      const failed = await outcome({ ...base, topk: 5 });
      expect(failed).toHaveProperty(
        "message",
        expect.stringContaining(`generate (${strategy}): unknown option "topk"; known options: strategy, maxNewTokens`),
      );
    }
  });
});

/** Values that each option must refuse. `signal` is only ever asked whether it has fired. */
const refused: Readonly<Record<Exclude<keyof GenerateCommon, "signal">, readonly unknown[]>> = {
  maxNewTokens: [0, -1, 1.5, NaN, Infinity, "8", null],
  minNewTokens: [-1, 0.5, 129, NaN, "1", null],
  stop: ["", ["a", ""], [1], 1, null],
  eosIds: [[12], [-1], [0.5], ["a"], 3, null],
  logprobs: [-1, 0.5, 13, "2", null],
  repetitionPenalty: [0, -1, NaN, Infinity, "1", null],
  noRepeatNgram: [-1, 1.5, NaN, "2", null],
  logitBias: [
    { 12: 1 },
    { "-1": 1 },
    { a: 1 },
    { 0: NaN },
    { 0: Infinity },
    { 0: "1" },
    { "": 1 },
    new Map([[1, 2]]),
    [5, 5],
    5,
    null,
  ],
  onAbort: ["stop", true, null],
};
const refusedOwn: {
  readonly greedy: Readonly<Record<Exclude<keyof GreedyOptions, keyof GenerateCommon>, readonly unknown[]>>;
  readonly sample: Readonly<Record<Exclude<keyof SampleOptions, keyof GenerateCommon>, readonly unknown[]>>;
  readonly beam: Readonly<Record<Exclude<keyof BeamOptions, keyof GenerateCommon>, readonly unknown[]>>;
} = {
  greedy: { strategy: ["Greedy", "toString", 1] },
  sample: {
    strategy: ["nucleus"],
    temperature: [0, -1, NaN, Infinity, "1", null],
    topK: [0, -1, 1.5, NaN, "1", null],
    topP: [0, -0.1, 1.01, NaN, "1", null],
    seed: [0.5, NaN, 2 ** 53, "1", null],
  },
  beam: {
    strategy: ["beams"],
    numBeams: [0, -1, 1.5, NaN, "2", null],
    numReturnSequences: [0, 4, 1.5, "1", null],
    lengthPenalty: [NaN, Infinity, -Infinity, "1", null],
    lengthNormalization: ["Full", true, null],
    earlyStopping: ["always", 1, null],
  },
};

const bad = (Object.keys(strategies) as Strategy[]).flatMap((strategy) =>
  Object.entries({ ...refused, ...refusedOwn[strategy] } as Record<string, readonly unknown[]>).flatMap(
    ([option, values]) => values.map((value) => ({ strategy, option, value })),
  ),
);

describe("values out of range", () => {
  it.each(bad)("$strategy refuses $option: $value", ({ strategy, option, value }) => {
    const options = { ...strategies[strategy], [option]: value } as GenerateOptions;
    expectError(() => resolveOptions(lm, options), ConfigError, new RegExp(`^generate: .*${option}`));
  });

  it("are refused by generate when it is awaited, not when it is called", async () => {
    const generation = generate(lm, "ab", { maxNewTokens: 0 });
    await expect(generation).rejects.toThrow("generate: maxNewTokens must be an integer >= 1, got 0");
  });

  it("options that are no object are refused", async () => {
    await expect(generate(lm, "ab", null as unknown as GenerateOptions)).rejects.toThrow(ConfigError);
    await expect(generate(lm, "ab", "beam" as unknown as GenerateOptions)).rejects.toThrow(
      "options must be an object, got string",
    );
  });

  it("a temperature of 0 and a stop text without a tokenizer say what to do instead", () => {
    expectError(
      () => resolveOptions(lm, { strategy: "sample", temperature: 0 }),
      ConfigError,
      /for always the likeliest token use strategy: "greedy"/,
    );
    expectError(
      () => resolveOptions({ model: tinyModel(1) }, { stop: "a" }),
      ConfigError,
      "generate: stop needs a tokenizer; without one end on tokens through eosIds",
    );
  });
});

describe("defaults", () => {
  it("are those that the documentation names", () => {
    const shared = {
      maxNewTokens: 128,
      minNewTokens: 0,
      stop: [],
      eosIds: [],
      logprobs: 0,
      repetitionPenalty: 1,
      noRepeatNgram: 0,
      logitBias: {},
      onAbort: "throw",
      signal: undefined,
    };
    expect(resolveOptions(lm, {})).toEqual({ ...shared, strategy: "greedy" });
    expect(resolveOptions(lm, { strategy: "sample", seed: 1 })).toEqual({
      ...shared,
      strategy: "sample",
      temperature: 1,
      topK: 0,
      topP: 1,
      seed: 1,
    });
    expect(resolveOptions(lm, { strategy: "beam" })).toEqual({
      ...shared,
      strategy: "beam",
      numBeams: 4,
      numReturnSequences: 1,
      lengthPenalty: 1,
      lengthNormalization: "generated",
      earlyStopping: false,
    });
  });

  it("end a text with the model's own tokens: its generation config's, else the tokenizer's", () => {
    const tokenizer = { ...lm.tokenizer, eosId: 4 } as unknown as NonNullable<typeof lm.tokenizer>;
    expect(resolveOptions({ model: lm.model, tokenizer }, {}).eosIds).toEqual([4]);
    expect(resolveOptions({ model: lm.model, tokenizer, generationDefaults: { eosIds: [5, 6] } }, {}).eosIds).toEqual([
      5, 6,
    ]);
    expect(
      resolveOptions({ model: lm.model, tokenizer, generationDefaults: { eosIds: [5, 6] } }, { eosIds: [] }).eosIds,
    ).toEqual([]);
  });
});
