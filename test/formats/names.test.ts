/** Names and layouts of Hugging Face checkpoints, in both directions. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Family } from "../../src/formats/architectures/table.ts";
import { modelTypeOf } from "../../src/formats/config-json.ts";
import type { DescribedModel } from "../../src/formats/config-json.ts";
import { fromHuggingFace, toHuggingFace } from "../../src/formats/names.ts";
import type { NamedArray } from "../../src/formats/safetensors.ts";
import { presets, resolveConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { anyConfig, familyConfig } from "./any-config.ts";

const sizes = { vocabSize: 7, contextLength: 5, dModel: 4, nLayers: 2, nHeads: 2, dFf: 6 };

/** A model of a family with the sizes above. */
function described(type: Family): DescribedModel {
  return { type, config: resolveConfig(type === "gpt2" ? presets.gpt2(sizes) : presets.llama(sizes)) };
}

function shapes(values: ReadonlyMap<string, NamedArray>): Record<string, readonly number[]> {
  return Object.fromEntries([...values].map(([name, { shape }]) => [name, shape]));
}

function contents(values: ReadonlyMap<string, NamedArray>): Map<string, [readonly number[], number[]]> {
  return new Map([...values].map(([name, { shape, data }]) => [name, [shape, [...data]]]));
}

/** Values 0, 1, 2 … in a shape. */
function counted(shape: number[], start = 0): NamedArray {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => start + i) };
}

describe("toHuggingFace", () => {
  it("names a GPT-2 as OpenAI's files do", () => {
    const model = new Transformer(presets.gpt2(sizes));
    const block = (i: number): Record<string, number[]> => ({
      [`h.${i}.ln_1.weight`]: [4],
      [`h.${i}.ln_1.bias`]: [4],
      [`h.${i}.attn.c_attn.weight`]: [4, 12],
      [`h.${i}.attn.c_attn.bias`]: [12],
      [`h.${i}.attn.c_proj.weight`]: [4, 4],
      [`h.${i}.attn.c_proj.bias`]: [4],
      [`h.${i}.ln_2.weight`]: [4],
      [`h.${i}.ln_2.bias`]: [4],
      [`h.${i}.mlp.c_fc.weight`]: [4, 6],
      [`h.${i}.mlp.c_fc.bias`]: [6],
      [`h.${i}.mlp.c_proj.weight`]: [6, 4],
      [`h.${i}.mlp.c_proj.bias`]: [4],
    });
    expect(shapes(toHuggingFace(described("gpt2"), model.parameters()))).toEqual({
      "wte.weight": [7, 4],
      "wpe.weight": [5, 4],
      ...block(0),
      ...block(1),
      "ln_f.weight": [4],
      "ln_f.bias": [4],
    });
  });

  it("names a Llama as Hugging Face's files do", () => {
    const model = new Transformer(presets.llama({ ...sizes, nKvHeads: 1 }));
    const block = (i: number): Record<string, number[]> => ({
      [`model.layers.${i}.input_layernorm.weight`]: [4],
      [`model.layers.${i}.self_attn.q_proj.weight`]: [4, 4],
      [`model.layers.${i}.self_attn.k_proj.weight`]: [2, 4],
      [`model.layers.${i}.self_attn.v_proj.weight`]: [2, 4],
      [`model.layers.${i}.self_attn.o_proj.weight`]: [4, 4],
      [`model.layers.${i}.post_attention_layernorm.weight`]: [4],
      [`model.layers.${i}.mlp.gate_proj.weight`]: [6, 4],
      [`model.layers.${i}.mlp.up_proj.weight`]: [6, 4],
      [`model.layers.${i}.mlp.down_proj.weight`]: [4, 6],
    });
    expect(shapes(toHuggingFace(described("llama"), model.parameters()))).toEqual({
      "model.embed_tokens.weight": [7, 4],
      ...block(0),
      ...block(1),
      "model.norm.weight": [4],
      "lm_head.weight": [7, 4],
    });
  });

  it("puts query, key and value side by side, transposed", () => {
    const attention = "blocks.0.attention";
    const out = toHuggingFace(
      described("gpt2"),
      new Map([
        [`${attention}.kProj.weight`, counted([2, 3], 10)],
        [`${attention}.qProj.weight`, counted([2, 3], 0)],
        [`${attention}.vProj.weight`, counted([2, 3], 20)],
        [`${attention}.qProj.bias`, counted([2], 0)],
        [`${attention}.kProj.bias`, counted([2], 10)],
        [`${attention}.vProj.bias`, counted([2], 20)],
      ]),
    );
    expect(contents(out)).toEqual(
      new Map([
        [
          "h.0.attn.c_attn.weight",
          [
            [3, 6],
            [0, 3, 10, 13, 20, 23, 1, 4, 11, 14, 21, 24, 2, 5, 12, 15, 22, 25],
          ],
        ],
        ["h.0.attn.c_attn.bias", [[6], [0, 1, 10, 11, 20, 21]]],
      ]),
    );
  });

  it("refuses what the family does not have", () => {
    expect(() => toHuggingFace(described("llama"), new Map([["blocks.0.norm3.bias", counted([2])]]))).toThrow(
      'toHuggingFace: the architecture has no parameter "blocks.0.norm3.bias"',
    );
    expect(() => toHuggingFace(described("gpt2"), new Map([["blocks.0.attention.qProj.bias", counted([2])]]))).toThrow(
      '"h.0.attn.c_attn.bias" needs "blocks.0.attention.kProj.bias" beside',
    );
    const uneven = new Map(
      [
        ["q", 2],
        ["k", 1],
        ["v", 1],
      ].map(([name, cols]) => [`blocks.0.attention.${name}Proj.weight`, counted([3, cols as number])]),
    );
    expect(() => toHuggingFace(described("gpt2"), uneven)).toThrow(
      'shapes do not fit into "h.0.attn.c_attn.weight": [3, 2], [3, 1], [3, 1]',
    );
  });
});

describe("fromHuggingFace", () => {
  it("is the inverse of toHuggingFace, for whole models and for parts of them", () => {
    const seen = new Set<string>();
    const any = fc.oneof(
      anyConfig,
      familyConfig.map(({ config }) => config),
    );
    fc.assert(
      fc.property(any, fc.nat(), (config, seed) => {
        const type = modelTypeOf(config);
        seen.add(type);
        const parameters = new Transformer(config, { seed }).parameters();
        const back = fromHuggingFace({ type, config }, toHuggingFace({ type, config }, parameters));
        expect([...back.keys()].sort()).toEqual([...parameters.keys()].sort());
        for (const [name, { shape, data }] of parameters) {
          const found = back.get(name) as NamedArray;
          expect([found.shape, found.data]).toEqual([shape, data]);
        }
        const norms = new Map([...parameters].filter(([name]) => name.includes("norm")));
        expect(contents(fromHuggingFace({ type, config }, toHuggingFace({ type, config }, norms)))).toEqual(
          contents(norms),
        );
      }),
      { numRuns: 100 },
    );
    expect(seen.size).toBeGreaterThan(8);
  });

  it("takes names with and without the prefix, and leaves buffers out", () => {
    const weight = counted([2, 2]);
    const names = (family: Family, ...theirs: string[]): string[] => [
      ...fromHuggingFace(described(family), new Map(theirs.map((name) => [name, weight]))).keys(),
    ];
    expect(names("gpt2", "wte.weight", "transformer.wpe.weight", "lm_head.weight")).toEqual([
      "tokenEmbedding.weight",
      "positionEmbedding.weight",
      "lmHead.weight",
    ]);
    expect(names("llama", "embed_tokens.weight", "model.norm.weight", "lm_head.weight")).toEqual([
      "tokenEmbedding.weight",
      "finalNorm.weight",
      "lmHead.weight",
    ]);
    expect(names("gpt2", "h.0.attn.bias", "transformer.h.11.attn.masked_bias", "h.11.ln_1.weight")).toEqual([
      "blocks.11.norm1.weight",
    ]);
    expect(names("llama", "model.layers.0.self_attn.rotary_emb.inv_freq")).toEqual([]);
  });

  it("finds a text model within one that has eyes", () => {
    const config = resolveConfig(presets.llama({ ...sizes, tieEmbeddings: true }));
    const theirs = [
      "language_model.model.embed_tokens.weight",
      "model.language_model.layers.0.pre_feedforward_layernorm.weight",
      "vision_tower.encoder.layers.0.weight",
      "multi_modal_projector.mm_input_projection_weight",
    ];
    const found = fromHuggingFace(
      { type: "gemma3_text", config },
      new Map(theirs.map((name) => [name, counted([2, 2])])),
    );
    expect([...found.keys()]).toEqual(["tokenEmbedding.weight", "blocks.0.norm2.weight"]);
  });

  it("refuses tensors that the family does not have or that do not split", () => {
    const weight = counted([2, 2]);
    const foreign = ["score.weight", "h.0.attn.q.weight", "blocks.0.norm1.weight", "wte.bias", "x"];
    expect(() => fromHuggingFace(described("gpt2"), new Map(foreign.map((name) => [name, weight])))).toThrow(
      'checkpoint: the architecture has no place for "score.weight", "h.0.attn.q.weight", "blocks.0.norm1.weight" and 2 more',
    );
    expect(() => fromHuggingFace(described("gpt2"), new Map([["h.0.attn.c_attn.weight", counted([2, 4])]]))).toThrow(
      '"h.0.attn.c_attn.weight" [2, 4] cannot be split into 3 by the config',
    );
    expect(() => fromHuggingFace(described("gpt2"), new Map([["h.0.mlp.c_fc.weight", counted([4])]]))).toThrow(
      '"h.0.mlp.c_fc.weight" [4] cannot be split into 1',
    );
    const twice = ["wte.weight", "transformer.wte.weight"].map((name) => [name, weight] as const);
    expect(() => fromHuggingFace(described("gpt2"), new Map(twice), "m.safetensors")).toThrow(
      'm.safetensors: the tensor "wte.weight" is there twice, under two names',
    );
  });
});
