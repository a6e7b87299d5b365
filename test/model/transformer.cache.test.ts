/** Decoding with a cache computes what reading everything anew computes. */
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../../src/model/config.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import type { KVCache } from "../../src/nn/kv-cache.ts";
import { concat, slice } from "../../src/ops/layout.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { GPT2, LLAMA, randomModel, randomTokens } from "./models.ts";

const configs: [string, ModelConfig][] = [
  ["GPT-2", GPT2],
  ["Llama", LLAMA],
  ["Llama with pairs", { ...LLAMA, rotaryPairing: "pairs", ropeTheta: 500 }],
  ["one with sinusoids", { ...GPT2, position: "sinusoidal", nKvHeads: 1 }],
];

/** Feeds rows of tokens in chunks of these lengths and joins the logits. */
function inChunks(model: Transformer, tokens: number[][], chunks: number[], kvCache: KVCache): Tensor {
  let at = 0;
  const parts = chunks.map((length) => {
    const chunk = tokens.map((row) => row.slice(at, at + length));
    at += length;
    return model.forward(chunk, { kvCache });
  });
  return concat(parts, { axis: 1 });
}

describe.each(configs)("cached decoding of a %s", (_, config) => {
  const model = randomModel(config);

  it.each([1, 3])("token by token over the whole context, batch %d", (batch) => {
    const tokens = randomTokens(batch, 96, 23);
    const cached = inChunks(model, tokens, Array<number>(96).fill(1), model.newCache({ batch }));
    expect(distance(cached.data, model.forward(tokens).data)).toBeLessThan(1e-5);
  });

  it.each([1, 3])("with a prompt in chunks, across the growth of the cache, batch %d", (batch) => {
    const tokens = randomTokens(batch, 90, 23);
    const whole = model.forward(tokens).data;
    for (const chunks of [[90], [50, 40], [63, 1, 1, 1, 24], [1, 89], [30, 33, 27]]) {
      const kvCache = model.newCache({ batch });
      expect(distance(inChunks(model, tokens, chunks, kvCache).data, whole), chunks.join("+")).toBeLessThan(1e-5);
      expect(kvCache.length).toBe(90);
    }
  });

  it("inside scopes gives the same bits as outside", () => {
    const [tokens] = randomTokens(1, 70, 23);
    const run = (around: <T>(fn: () => T) => T): number[][] => {
      const kvCache = model.newCache();
      return tokens.map((token) => around(() => [...model.forward([token], { kvCache }).data]));
    };
    expect(run(scope)).toEqual(run((fn) => fn()));
  });

  it("goes on after a rewind as if the forgotten had never been", () => {
    const [tokens, other] = randomTokens(2, 20, 23);
    const kvCache = model.newCache();
    model.forward(tokens, { kvCache });
    kvCache.rewind(8);
    const mixed = [...tokens.slice(0, 8), ...other.slice(8)];
    const rest = model.forward(other.slice(8), { kvCache });
    expect(distance(rest.data, slice(model.forward(mixed), { axis: 1, start: 8 }).data)).toBeLessThan(1e-5);
  });

  it("goes on after a reorder with each sequence's own past", () => {
    const tokens = randomTokens(3, 10, 23);
    const kvCache = model.newCache({ batch: 3 });
    model.forward(tokens, { kvCache });
    const order = [2, 2, 0, 1];
    kvCache.reorder(order);
    const next = randomTokens(4, 3, 23, 7);
    const expected = slice(model.forward(order.map((row, i) => [...tokens[row], ...next[i]])), { axis: 1, start: 10 });
    expect(distance(model.forward(next, { kvCache }).data, expected.data)).toBeLessThan(1e-5);
  });

  it("with lastOnly gives the last row of every chunk", () => {
    const [tokens] = randomTokens(1, 12, 23);
    const kvCache = model.newCache();
    const whole = model.forward(tokens);
    const first = model.forward(tokens.slice(0, 9), { kvCache, lastOnly: true });
    const second = model.forward(tokens.slice(9), { kvCache, lastOnly: true });
    expect(distance(first.data, slice(whole, { axis: 1, start: 8, end: 9 }).data)).toBeLessThan(1e-5);
    expect(distance(second.data, slice(whole, { axis: 1, start: 11 }).data)).toBeLessThan(1e-5);
  });
});

describe("a text longer than the first tables of angles", () => {
  const long: ModelConfig = { ...LLAMA, contextLength: 3000, nLayers: 1, slidingRopeTheta: 50, slidingWindow: 4 };
  const [tokens] = randomTokens(1, 2500, 23);

  it("gives the same logits in pieces and at once, in a scope and outside", () => {
    const whole = randomModel(long).forward(tokens).data;
    const model = randomModel(long);
    const chunks = [1000, 24, 1, 1, 1000, 474];
    expect(distance(inChunks(model, [tokens], chunks, model.newCache()).data, whole)).toBeLessThan(1e-5);
    const scoped = randomModel(long);
    expect(scope(() => distance(scoped.forward(tokens).data, whole))).toBe(0);
    expect(scope(() => distance(scoped.forward(tokens).data, whole))).toBe(0);
  });

  it("leaves what was recorded with the first tables as it was", () => {
    const gradient = (between: (model: Transformer) => void): number[] => {
      const model = randomModel(long);
      const logits = model.forward(tokens.slice(0, 20));
      between(model);
      logits.backward(logits);
      return [...(model.blocks[0].attention.qProj.weight.grad as Tensor).data];
    };
    expect(gradient((model) => void model.forward(tokens))).toEqual(gradient(() => {}));
  });
});
