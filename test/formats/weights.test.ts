/** Which tensors a model needs, how they will be held, and what is said when a file has others. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import type { WritableTensor } from "../../src/formats/safetensors-writer.ts";
import { WEIGHT_TYPES, heldBytes, parameterShapes, planBytes, planWeights } from "../../src/formats/weights.ts";
import type { PlannedWeight, WeightOptions } from "../../src/formats/weights.ts";
import { presets } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { anyConfig, asModelConfig } from "./any-config.ts";
import { folderOf, ggufOf, openFiles, tensorsOf } from "./model-files.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 4, nLayers: 2, nHeads: 2, dFf: 6 };
const model = new Transformer(presets.gpt2(sizes), { seed: 1 });
const llama = new Transformer(presets.llama({ ...sizes, dModel: 64, dFf: 96, nKvHeads: 2 }), { seed: 1 });

type Change = (tensors: Map<string, WritableTensor>) => void;

/** The plan for a GPT-2 whose tensors have been changed. */
async function plan(change: Change, options: WeightOptions = {}, of = model): Promise<PlannedWeight[]> {
  const checkpoint = await openFiles(folderOf(model, "F32", change));
  const planned = planWeights({ ...checkpoint, config: of.config }, options);
  return planned.flatMap(({ weights }) => weights);
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

describe("planWeights", () => {
  it("has every parameter once, in the order of the file", async () => {
    const planned = planWeights(await openFiles(folderOf(model)));
    const weights = planned.flatMap((tensor) => tensor.weights);
    expect(weights.map(({ name }) => name).sort()).toEqual([...model.parameters().keys()].sort());
    for (const { name, shape } of weights) expect(shape).toEqual(model.parameters().get(name)?.shape);
    const begins = planned.map(({ tensor }) => tensor.begin);
    expect(begins).toEqual([...begins].sort((a, b) => a - b));
    expect(planned.find(({ tensor }) => tensor.name === "h.0.attn.c_attn.weight")?.weights).toHaveLength(3);
  });

  it.each<[string, Change]>([
    ['model.safetensors: 1 of 28 tensors are missing: "ln_f.bias"', (all) => all.delete("ln_f.bias")],
    [
      'model.safetensors: 12 of 28 tensors are missing: "h.1.ln_1.weight", "h.1.ln_1.bias", "h.1.attn.c_attn.weight" and 9 more',
      (all) => [...all.keys()].filter((name) => name.startsWith("h.1.")).forEach((name) => all.delete(name)),
    ],
    [
      'model.safetensors: 1 tensors have no place in the model that config.json describes: "score.weight"',
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
      'model.safetensors: "wpe.weight" must have shape [5, 4] by config.json, got [4, 5]',
      (all) => all.set("wpe.weight", { shape: [4, 5], data: new Float32Array(20) }),
    ],
    [
      'model.safetensors: "lm_head.weight" differs from the token embedding, but config.json says that they are tied',
      (all) => all.set("lm_head.weight", { shape: [4, 7], data: new Float32Array(28) }),
    ],
    ["model.safetensors: the config has 2 layers, which 0 tensors cannot fill", (all) => all.clear()],
  ])("%s", async (message, change) => {
    await expect(plan(change)).rejects.toThrow(FormatError);
    await expect(plan(change)).rejects.toThrow(message);
  });

  it("compares the second copy of a tied matrix, whichever comes first", async () => {
    const head = tensorsOf(model).get("wte.weight") as WritableTensor;
    const last = await plan((all) => all.set("lm_head.weight", head));
    expect(last.filter(({ isCopy }) => isCopy)).toMatchObject([{ name: "tokenEmbedding.weight" }]);
    const checkpoint = await openFiles(folderOf(model, "F32", (all) => putFirst(all, "lm_head.weight", head)));
    const planned = planWeights(checkpoint);
    expect(planned[0]).toMatchObject({
      tensor: { name: "lm_head.weight" },
      weights: [{ name: "tokenEmbedding.weight", isCopy: false }],
    });
    expect(planned.find(({ tensor }) => tensor.name === "wte.weight")?.weights).toMatchObject([{ isCopy: true }]);
  });

  it("says how a missing head may be meant", async () => {
    const untied = new Transformer(presets.gpt2({ ...sizes, tieEmbeddings: false }));
    await expect(plan(() => {}, {}, untied)).rejects.toThrow(
      '"lm_head.weight"; if the head shares the token embedding, config.json must say tie_word_embeddings: true',
    );
  });

  it("is not led to work by the counts of a config", async () => {
    const config = { ...model.config, nLayers: 2 ** 31 - 1 };
    await expect(plan(() => {}, {}, { config } as Transformer)).rejects.toThrow(
      "the config has 2147483647 layers, which 28 tensors cannot fill",
    );
  });

  it("cuts learned positions", async () => {
    const cut = await plan(() => {}, { contextLength: 3 });
    expect(cut.find(({ name }) => name === "positionEmbedding.weight")?.shape).toEqual([3, 4]);
  });
});

describe("how weights are held", () => {
  const typesOf = (weights: readonly PlannedWeight[]): Record<string, string> =>
    Object.fromEntries(weights.map(({ name, type }) => [name, type]));

  it("as they are stored: 16-bit matrices, and 32-bit vectors and positions", async () => {
    for (const [dtype, type] of [
      ["F32", "f32"],
      ["F16", "f16"],
      ["BF16", "bf16"],
    ] as const) {
      const planned = planWeights(await openFiles(folderOf(model, dtype))).flatMap(({ weights }) => weights);
      expect(typesOf(planned)).toMatchObject({
        "tokenEmbedding.weight": type,
        "positionEmbedding.weight": "f32",
        "blocks.0.norm1.weight": "f32",
        "blocks.1.attention.kProj.weight": type,
        "blocks.1.attention.kProj.bias": "f32",
      });
    }
  });

  it("as they are stored in GGUF files, and other types than heed's as f16", async () => {
    for (const [stored, type] of [
      ["F32", "f32"],
      ["Q8_0", "q8_0"],
      ["Q4_0", "q4_0"],
    ] as const) {
      const checkpoint = await openFiles(new Map([["m.gguf", ggufOf(llama, stored)]]));
      expect(typesOf(planWeights(checkpoint).flatMap(({ weights }) => weights))).toMatchObject({
        "tokenEmbedding.weight": type,
        "blocks.0.attention.qProj.weight": type,
        "finalNorm.weight": "f32",
      });
      const others = new Map([...checkpoint.tensors].map(([name, tensor]) => [name, { ...tensor, dtype: "Q6_K" }]));
      const planned = planWeights({ ...checkpoint, tensors: others }).flatMap(({ weights }) => weights);
      expect(typesOf(planned)).toMatchObject({ "tokenEmbedding.weight": "f16", "finalNorm.weight": "f32" });
    }
  });

  it("as wanted; in 16 bits where rows are no whole blocks", async () => {
    for (const dtype of WEIGHT_TYPES) {
      const planned = planWeights(await openFiles(new Map([["m.gguf", ggufOf(llama)]])), { dtype });
      expect(typesOf(planned.flatMap(({ weights }) => weights))["blocks.0.feedForward.upProj.weight"]).toBe(dtype);
    }
    const small = typesOf(await plan(() => {}, { dtype: "q4_0" }));
    expect(small["tokenEmbedding.weight"]).toBe("f16");
    expect(small["positionEmbedding.weight"]).toBe("f32");
  });

  it("takes the bytes that heldBytes says", async () => {
    const bytes: number[] = [];
    for (const dtype of ["f32", "f16", "q8_0", "q4_0"] as const) {
      const planned = planWeights(await openFiles(new Map([["m.gguf", ggufOf(llama)]])), { dtype });
      const weight = planned.flatMap(({ weights }) => weights).find(({ name }) => name.includes("upProj"));
      bytes.push(heldBytes(weight as PlannedWeight) / (96 * 64));
    }
    expect(bytes).toEqual([4, 2, 34 / 32, 18 / 32]);
  });

  it("of a tied head that is written twice are held once", async () => {
    const once = planWeights(await openFiles(folderOf(model)));
    const twice = planWeights(
      await openFiles(
        folderOf(model, "F32", (all) => all.set("lm_head.weight", all.get("wte.weight") as WritableTensor)),
      ),
    );
    expect(twice.length).toBe(once.length + 1);
    expect(planBytes(twice)).toBe(planBytes(once));
    expect(planBytes(once)).toBe(4 * [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0));
  });

  it("refuses a type that nobody reads", async () => {
    const checkpoint = await openFiles(new Map([["m.gguf", ggufOf(llama)]]));
    const strange = new Map([...checkpoint.tensors].map(([name, tensor]) => [name, { ...tensor, dtype: "IQ1_S" }]));
    expect(() => planWeights({ ...checkpoint, tensors: strange })).toThrow(
      /^m\.gguf: tensor "token_embd\.weight": the type "IQ1_S" is not supported; supported: F32, F16/,
    );
  });
});

function putFirst(tensors: Map<string, WritableTensor>, name: string, tensor: WritableTensor): void {
  const others = [...tensors];
  tensors.clear();
  tensors.set(name, tensor);
  for (const [other, value] of others) tensors.set(other, value);
}
