/** Which tensors a model needs, and what is said when a file has others. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { toHuggingFace } from "../../src/formats/names.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import type { NamedArray } from "../../src/formats/safetensors.ts";
import { parameterShapes, readParameters } from "../../src/formats/weights.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { anyConfig, asModelConfig } from "./any-config.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 4, nLayers: 2, nHeads: 2, dFf: 6 };
const model = new Transformer(presets.gpt2(sizes), { seed: 1 });
const tensors: ReadonlyMap<string, NamedArray> = toHuggingFace(
  { type: "gpt2", config: model.config },
  model.parameters(),
);

/** Reads the GPT-2 above from a file whose tensors have been changed. */
function read(
  change: (tensors: Map<string, NamedArray>) => void,
  config = model.config,
): ReadonlyMap<string, Float32Array> {
  const changed = new Map(tensors);
  change(changed);
  return readParameters(readSafetensors(writeSafetensors(changed), { name: "m.safetensors" }), {
    type: "gpt2",
    config,
  });
}

it("parameterShapes are those of model.parameters(), in the same order", () => {
  fc.assert(
    fc.property(anyConfig, (config) => {
      const parameters = new Transformer(asModelConfig(config)).parameters();
      expect([...parameterShapes(config)].map(([name, { shape }]) => [name, shape])).toEqual(
        [...parameters].map(([name, { shape }]) => [name, shape]),
      );
    }),
    { numRuns: 200 },
  );
});

describe("readParameters", () => {
  it("behaves as a map of all parameters", () => {
    const parameters = read(() => {});
    const names = [...model.parameters().keys()].sort();
    expect(parameters.size).toBe(names.length);
    expect([...parameters.keys()].sort()).toEqual(names);
    expect([...parameters].map(([name]) => name).sort()).toEqual(names);
    expect([...parameters.values()].map((data) => data.length)).toEqual(
      [...parameters.keys()].map((name) => model.parameters().get(name)?.size),
    );
    const visited: string[] = [];
    parameters.forEach((data, name) => visited.push(`${name} ${data.length > 0}`));
    expect(visited).toHaveLength(names.length);
    expect(parameters.has("x")).toBe(false);
    expect(parameters.get("x")).toBeUndefined();
    for (const [name, { data }] of model.parameters()) expect(parameters.get(name)).toEqual(data);
  });

  it.each<[string, (tensors: Map<string, NamedArray>) => void]>([
    ['m.safetensors: 1 of 28 tensors are missing: "ln_f.bias"', (all) => all.delete("ln_f.bias")],
    [
      'm.safetensors: 12 of 28 tensors are missing: "h.1.ln_1.weight", "h.1.ln_1.bias", "h.1.attn.c_attn.weight" and 9 more',
      (all) => [...all.keys()].filter((name) => name.startsWith("h.1.")).forEach((name) => all.delete(name)),
    ],
    [
      'm.safetensors: 1 tensors have no place in the model that config.json describes: "score.weight"',
      (all) => all.set("score.weight", { shape: [1], data: new Float32Array(1) }),
    ],
    [
      'no place in the model that config.json describes: "h.2.ln_1.weight"',
      (all) => all.set("h.2.ln_1.weight", { shape: [4], data: new Float32Array(4) }),
    ],
    [
      'no place in the model that config.json describes: "h.00.ln_1.weight"',
      (all) => all.set("h.00.ln_1.weight", { shape: [4], data: new Float32Array(4) }),
    ],
    [
      'm.safetensors: "wpe.weight" must have shape [5, 4] by config.json, got [4, 5]',
      (all) => all.set("wpe.weight", { shape: [4, 5], data: new Float32Array(20) }),
    ],
    [
      'm.safetensors: "lm_head.weight" differs from the token embedding, but config.json says that they are tied',
      (all) => all.set("lm_head.weight", { shape: [7, 4], data: new Float32Array(28) }),
    ],
    ["m.safetensors: the config has 2 layers, which 0 tensors cannot fill", (all) => all.clear()],
  ])("%s", (message, change) => {
    expect(() => read(change)).toThrow(FormatError);
    expect(() => read(change)).toThrow(message);
  });

  it("takes a second copy of a tied matrix for what it is", () => {
    const embedding = tensors.get("wte.weight") as NamedArray;
    expect(read((all) => all.set("lm_head.weight", embedding)).has("lmHead.weight")).toBe(false);
  });

  it("says how a missing head may be meant", () => {
    const untied = new Transformer(presets.gpt2({ ...sizes, tieEmbeddings: false })).config;
    expect(() => read(() => {}, untied)).toThrow(
      '"lm_head.weight"; if the head shares the token embedding, config.json must say tie_word_embeddings: true',
    );
  });

  it("is not led to work by the counts of a config", () => {
    const config = { ...model.config, nLayers: 2 ** 31 - 1 };
    expect(() => read(() => {}, config)).toThrow("the config has 2147483647 layers, which 28 tensors cannot fill");
  });
});
