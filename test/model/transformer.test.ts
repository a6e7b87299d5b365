/** The transformer: its parameters, its options, its errors. */
import { afterEach, describe, expect, it } from "vitest";
import { backend } from "../../src/backend/current.ts";
import { ConfigError, DisposedError, ShapeError } from "../../src/errors.ts";
import { checkVocabulary, Transformer } from "../../src/model/transformer.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { KVCache } from "../../src/nn/kv-cache.ts";
import { Random } from "../../src/random.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { slice } from "../../src/ops/layout.ts";
import { scope } from "../../src/tensor/scope.ts";
import { expectError } from "../expect-error.ts";
import { GPT2, LLAMA, randomModel, randomTokens } from "./models.ts";

afterEach(() => backend.use("auto"));

const families: [string, ModelConfig][] = [
  ["GPT-2", GPT2],
  ["Llama", LLAMA],
];
const bitsOf = (model: Transformer): number[][] => [...model.parameters().values()].map(({ data }) => [...data]);

describe("a model", () => {
  it.each(["rotary", "sinusoidal"] as const)("with %s positions made in a scope outlives it", (position) => {
    const config = { ...LLAMA, position };
    const model = scope(() => new Transformer(config, { seed: 2 }));
    const again = new Transformer(config, { seed: 2 });
    expect(model.forward([1, 2, 3]).toArray()).toEqual(again.forward([1, 2, 3]).toArray());
  });
});

describe("parameters", () => {
  it("of a GPT-2 have these names and shapes, in this order", () => {
    const shapes = [...new Transformer({ ...GPT2, nLayers: 1 }).parameters()].map(
      ([name, { shape }]) => `${name} ${shape.join("×")}`,
    );
    expect(shapes).toEqual([
      "tokenEmbedding.weight 23×16",
      "positionEmbedding.weight 96×16",
      "blocks.0.norm1.weight 16",
      "blocks.0.norm1.bias 16",
      "blocks.0.attention.qProj.weight 16×16",
      "blocks.0.attention.qProj.bias 16",
      "blocks.0.attention.kProj.weight 16×16",
      "blocks.0.attention.kProj.bias 16",
      "blocks.0.attention.vProj.weight 16×16",
      "blocks.0.attention.vProj.bias 16",
      "blocks.0.attention.outProj.weight 16×16",
      "blocks.0.attention.outProj.bias 16",
      "blocks.0.norm2.weight 16",
      "blocks.0.norm2.bias 16",
      "blocks.0.feedForward.upProj.weight 64×16",
      "blocks.0.feedForward.upProj.bias 64",
      "blocks.0.feedForward.downProj.weight 16×64",
      "blocks.0.feedForward.downProj.bias 16",
      "finalNorm.weight 16",
      "finalNorm.bias 16",
    ]);
  });

  it("of a Llama have these", () => {
    const shapes = [...new Transformer({ ...LLAMA, nLayers: 1 }).parameters()].map(
      ([name, { shape }]) => `${name} ${shape.join("×")}`,
    );
    expect(shapes).toEqual([
      "tokenEmbedding.weight 23×16",
      "blocks.0.norm1.weight 16",
      "blocks.0.attention.qProj.weight 16×16",
      "blocks.0.attention.kProj.weight 8×16",
      "blocks.0.attention.vProj.weight 8×16",
      "blocks.0.attention.outProj.weight 16×16",
      "blocks.0.norm2.weight 16",
      "blocks.0.feedForward.gateProj.weight 44×16",
      "blocks.0.feedForward.upProj.weight 44×16",
      "blocks.0.feedForward.downProj.weight 16×44",
      "finalNorm.weight 16",
      "lmHead.weight 23×16",
    ]);
  });

  it("all take part: each gets a gradient that is not zero, but for key biases, whose gradient is zero", () => {
    for (const [, config] of families) {
      const model = randomModel(config);
      const [tokens, targets] = [randomTokens(2, 96, 23, 3), randomTokens(2, 96, 23, 4)];
      crossEntropy(model.forward(tokens), targets).backward();
      for (const [name, { grad, data }] of model.parameters()) {
        const greatest = Math.max(...(grad?.data ?? []).map(Math.abs));
        expect(grad?.data.length, name).toBe(data.length);
        if (name.endsWith("kProj.bias")) expect(greatest, name).toBeLessThan(1e-5);
        else expect(greatest, name).toBeGreaterThan(1e-5);
      }
    }
  });

  it("may be given, all of them and by name, and are copied", () => {
    const given = new Map([...randomModel(GPT2).parameters()].map(([name, { data }]) => [name, data]));
    const model = new Transformer(GPT2, { parameters: given });
    expect(bitsOf(model)).toEqual([...given.values()].map((data) => [...data]));
    given.get("finalNorm.weight")?.fill(9);
    expect(model.parameters().get("finalNorm.weight")?.data).not.toContain(9);
    given.delete("finalNorm.bias");
    expectError(
      () => new Transformer(GPT2, { parameters: given }),
      ConfigError,
      'parameters: "finalNorm.bias" [16] is missing',
    );
  });
});

describe("a seed", () => {
  it.each(families)("gives a %s the same bits, and another seed others", (_, config) => {
    expect(bitsOf(new Transformer(config, { seed: 5 }))).toEqual(bitsOf(new Transformer(config, { seed: 5 })));
    expect(bitsOf(new Transformer(config, { seed: 5 }))).not.toEqual(bitsOf(new Transformer(config, { seed: 6 })));
    expect(bitsOf(new Transformer(config))).toEqual(bitsOf(new Transformer(config, { seed: 0 })));
  });

  it("starts a model that knows nothing: its loss is near ln vocabSize", () => {
    for (const [, config] of families) {
      const loss = crossEntropy(
        new Transformer(config, { seed: 1 }).forward(randomTokens(2, 30, 23)),
        randomTokens(2, 30, 23, 9),
      ).item();
      expect(Math.abs(loss - Math.log(23))).toBeLessThan(0.3);
    }
  });

  it("must be a whole number, and has no place beside given parameters", () => {
    expectError(
      () => new Transformer(GPT2, { seed: 0.5 }),
      ConfigError,
      "Random: seed must be a safe integer, got 0.5",
    );
    expectError(
      () => new Transformer(GPT2, { seed: 1, parameters: new Map() }),
      ConfigError,
      "Transformer: seed has no effect on given parameters; give one of the two",
    );
    expectError(
      () => new Transformer(GPT2, { sead: 1 } as object),
      ConfigError,
      'Transformer: unknown option "sead"; known options: seed, parameters, origin',
    );
  });
});

describe("forward", () => {
  it("scores every token at every position, for one sequence or several", () => {
    const model = randomModel(LLAMA);
    const [a, b] = randomTokens(2, 7, 23);
    const both = model.forward([a, b]);
    expect(both.shape).toEqual([2, 7, 23]);
    expect(model.forward(a).shape).toEqual([1, 7, 23]);
    expect(model.forward(a).toArray()).toEqual(slice(both, { end: 1 }).toArray());
    expect(model.forward(b).toArray()).toEqual(slice(both, { start: 1 }).toArray());
  });

  it.each(families)("of a %s does not look ahead", (_, config) => {
    const model = randomModel(config);
    const [tokens] = randomTokens(1, 12, 23);
    const before = slice(model.forward(tokens), { axis: 1, end: 8 }).toArray();
    expect(slice(model.forward(tokens.with(8, (tokens[8] + 1) % 23)), { axis: 1, end: 8 }).toArray()).toEqual(before);
    expect(slice(model.forward(tokens.with(7, (tokens[7] + 1) % 23)), { axis: 1, end: 8 }).toArray()).not.toEqual(
      before,
    );
  });

  it.each(families)("of a %s with lastOnly gives the last row", (_, config) => {
    backend.use("loops"); // whose sums have the same order whatever the number of rows
    const model = randomModel(config);
    const tokens = randomTokens(3, 9, 23);
    const last = model.forward(tokens, { lastOnly: true });
    expect(last.shape).toEqual([3, 1, 23]);
    expect(last.toArray()).toEqual(slice(model.forward(tokens), { axis: 1, start: 8 }).toArray());
  });

  it("drops only where it is given chance, and the same with the same", () => {
    const model = randomModel({ ...GPT2, dropout: 0.5 });
    const [tokens] = randomTokens(1, 9, 23);
    const plain = model.forward(tokens).toArray();
    expect(randomModel(GPT2).forward(tokens).toArray()).toEqual(plain);
    const dropped = model.forward(tokens, { dropoutRandom: new Random(1) }).toArray();
    expect(dropped).not.toEqual(plain);
    expect(model.forward(tokens, { dropoutRandom: new Random(1) }).toArray()).toEqual(dropped);
    expect(model.forward(tokens, { dropoutRandom: new Random(2) }).toArray()).not.toEqual(dropped);
  });

  it("records a graph, but none with a cache", () => {
    const model = randomModel(GPT2);
    expect(model.forward([1, 2]).requiresGrad).toBe(true);
    expect(model.forward([1, 2], { kvCache: model.newCache() }).requiresGrad).toBe(false);
  });
});

describe("forward refuses", () => {
  const model = new Transformer(GPT2);
  const long = Array<number>(97).fill(1);

  it.each([
    ["no tokens", [], "forward: needs at least one token"],
    ["an empty row", [[]], "forward: needs at least one token"],
    [
      "uneven rows",
      [[1, 2], [3]],
      "forward: rows of tokens must be equally long: row 0 has 2, row 1 has 1; shape [2, 2] expected",
    ],
    [
      "an id beyond the vocabulary",
      [1, 23],
      "forward: tokens must be whole numbers from 0 to 22, got 23 at position 1",
    ],
    ["a negative id", [[-1]], "forward: tokens must be whole numbers from 0 to 22, got -1 at position 0"],
    ["a fraction", [0.5], "forward: tokens must be whole numbers from 0 to 22, got 0.5 at position 0"],
    ["a hole", [1, undefined], "forward: tokens must be whole numbers from 0 to 22, got undefined at position 1"],
    ["text", "hello", "forward: tokens must be a list of ids, got string"],
    ["nothing", undefined, "forward: tokens must be a list of ids, got undefined"],
    ["more than the context", long, "forward: 97 tokens exceed the context of 96; give fewer tokens"],
  ])("%s", (_, tokens, message) => {
    expectError(() => model.forward(tokens as number[]), ShapeError, message);
  });

  it("more than the context after what the cache holds, and leaves the cache as it was", () => {
    const kvCache = model.newCache();
    model.forward(long.slice(0, 90), { kvCache });
    expectError(
      () => model.forward(long.slice(0, 7), { kvCache }),
      ShapeError,
      "forward: 7 tokens after 90 cached ones exceed the context of 96; give fewer tokens",
    );
    expect(kvCache.length).toBe(90);
    expect(model.forward(long.slice(0, 6), { kvCache }).shape).toEqual([1, 6, 23]);
  });

  it("a cache for another number of sequences, or of another model", () => {
    expectError(
      () => model.forward([[1], [2]], { kvCache: model.newCache() }),
      ShapeError,
      "KVCache: holds [1, 4, seq, 4], got keys [2, 4, 1, 4] and values [2, 4, 1, 4]",
    );
    expectError(
      () => model.forward([1], { kvCache: randomModel(LLAMA).newCache() }),
      ShapeError,
      "KVCache: holds [1, 2, seq, 4], got keys [1, 4, 1, 4] and values [1, 4, 1, 4]",
    );
    const shallow = new KVCache({ batch: 1, nLayers: 1, nKvHeads: 4, headDim: 4, maxLength: 8 });
    expectError(
      () => model.forward([1], { kvCache: shallow }),
      ShapeError,
      "forward: the cache has 1 of the model's 2 layers; use model.newCache()",
    );
  });

  it.each([
    [{ kvCache: {} }, "kvCache must be a KVCache from model.newCache(), got an object"],
    [{ kvCache: null }, "kvCache must be a KVCache from model.newCache(), got null"],
    [{ observe: 3 }, "observe must be a function, got 3"],
    [{ lastOnly: "yes" }, 'lastOnly must be true or false, got "yes"'],
    [{ dropoutRandom: 1 }, "dropoutRandom must be a Random, got 1"],
    [{ dropoutRandom: null }, "dropoutRandom must be a Random, got null"],
  ])("an option of the wrong kind: %j", (options, message) => {
    expectError(() => model.forward([1], options as object), ConfigError, `forward: ${message}`);
  });

  it("an unknown option", () => {
    expectError(
      () => model.forward([1], { cache: 1 } as object),
      ConfigError,
      'forward: unknown option "cache"; known options: kvCache, lastOnly, dropoutRandom, observe',
    );
    expectError(
      () => model.newCache({ size: 1 } as object),
      ConfigError,
      'newCache: unknown option "size"; known options: batch',
    );
    expectError(() => model.newCache({ batch: 0 }), ConfigError, "KVCache: batch must be an integer >= 1, got 0");
  });
});

describe("the constructor refuses", () => {
  const make = Transformer as unknown as new (...given: unknown[]) => Transformer;

  it.each([
    ["nothing", [], "ModelConfig: needs sizes, for example presets.gpt2(), got nothing"],
    ["null", [null], "ModelConfig: options must be an object, got null"],
    [
      "a vocabulary beyond all bounds",
      [{ ...GPT2, vocabSize: 1e9 }],
      /^ModelConfig: vocabSize × dModel must be at most/,
    ],
    [
      "more layers than there can be",
      [{ ...GPT2, nLayers: 1e9 }],
      /^ModelConfig: nLayers must be an integer from 1 to 10000/,
    ],
    ["a table of positions beyond all bounds", [{ ...LLAMA, contextLength: 2e9 }], /it may be at most 33554432$/],
    ["an object for parameters", [GPT2, { parameters: {} }], /^parameters: must be a Map/],
    ["null for parameters", [GPT2, { parameters: null }], /^parameters: must be a Map/],
    ["null for a seed", [GPT2, { seed: null }], /^Random: /],
  ])("%s", (_, given, message) => {
    expectError(() => new make(...given), ConfigError, message);
  });
});

describe("dispose", () => {
  it("gives the weights up, and says so to whoever comes later", () => {
    const model = randomModel(GPT2);
    model.dispose();
    expectError(
      () => model.forward([1]),
      DisposedError,
      "Tensor [23, 16]: read after release; return it from its scope, alone or in an array, a plain object or a Map, or do not dispose its model yet",
    );
    model.dispose();
  });

  it("is what Symbol.dispose does, where the runtime has it", () => {
    const method = Symbol.dispose as symbol | undefined;
    const model = randomModel(GPT2) as Transformer & Record<symbol, () => void>;
    if (method !== undefined) model[method]();
    else model.dispose();
    expectError(() => model.forward([1]), DisposedError, /read after release/);
  });
});

describe("checkVocabulary", () => {
  it("wants a model that has room for every id of the tokenizer", () => {
    const model = new Transformer(GPT2);
    checkVocabulary("generate", model, 23);
    checkVocabulary("generate", model, 5);
    expectError(
      () => checkVocabulary("generate", model, 24),
      ConfigError,
      "generate: the tokenizer has 24 tokens, the model only 23; build the model with vocabSize: tokenizer.vocabSize",
    );
  });
});
