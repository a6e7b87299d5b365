/** config.json: every model's config survives the round trip, and what heed cannot run is refused by name. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { modelTypeOf, readConfig, writeConfig } from "../../src/formats/config-json.ts";
import { Fields, readFields, writeJSON } from "../../src/formats/fields.ts";
import { presets, resolveConfig } from "../../src/model/config.ts";
import { anyConfig, familyConfig } from "./any-config.ts";

const gpt2 = { model_type: "gpt2", n_embd: 48, n_layer: 3, n_head: 4, n_positions: 32, vocab_size: 96 };
const llama = {
  model_type: "llama",
  hidden_size: 48,
  intermediate_size: 128,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  max_position_embeddings: 64,
  vocab_size: 96,
};

function read(values: Record<string, unknown>): ReturnType<typeof readConfig> {
  return readConfig(new Fields("config.json", values));
}

describe("a written config", () => {
  it("is read back exactly, as the same type of model", () => {
    const types = new Set<string>();
    fc.assert(
      fc.property(anyConfig, (config) => {
        const described = readConfig(readFields(writeJSON(writeConfig(config)), "config.json"));
        expect(described).toEqual({ type: modelTypeOf(config), config });
        types.add(described.type);
      }),
      { numRuns: 1000 },
    );
    expect([...types]).toEqual(expect.arrayContaining(["gpt2", "heed", "llama"]));
  });

  it("of each family is one of that family", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(familyConfig, ({ family, config }) => {
        const described = readConfig(readFields(writeJSON(writeConfig(config)), "config.json"));
        expect(described).toEqual({ type: family, config });
        seen.add(family);
      }),
      { numRuns: 400 },
    );
    expect(seen.size).toBe(13);
  });

  it.each([
    ["gpt2", presets.gpt2()],
    ["gpt2", presets.gpt2({ tieEmbeddings: false, activation: "relu", dFf: 100, dropout: 0.1 })],
    ["llama", presets.llama()],
    ["llama", presets.llama({ headDim: 32, tieEmbeddings: true, activation: "gelu" })],
    ["heed", presets.gpt2({ bias: false })],
    ["heed", presets.gpt2({ position: "sinusoidal" })],
    ["heed", presets.gpt2({ nKvHeads: 4 })],
    ["heed", presets.gpt2({ headDim: 32 })],
    ["heed", presets.gpt2({ norm: "rmsNorm" })],
    ["heed", presets.llama({ rotaryPairing: "pairs" })],
    ["heed", presets.llama({ gated: false })],
    ["heed", presets.llama({ bias: true })],
  ])("says %s: %j", (type, config) => {
    expect(writeConfig(resolveConfig(config)).model_type).toBe(type);
  });

  it("of GPT-2 and Llama has Hugging Face's fields", () => {
    expect(writeConfig(resolveConfig(presets.gpt2({ dropout: 0.1 })))).toEqual({
      model_type: "gpt2",
      architectures: ["GPT2LMHeadModel"],
      vocab_size: 50_257,
      n_positions: 1024,
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
      n_inner: null,
      activation_function: "gelu_new",
      layer_norm_epsilon: 1e-5,
      tie_word_embeddings: true,
      embd_pdrop: 0.1,
      resid_pdrop: 0.1,
      attn_pdrop: 0,
      torch_dtype: "float32",
    });
    expect(writeConfig(resolveConfig(presets.llama()))).toEqual({
      model_type: "llama",
      architectures: ["LlamaForCausalLM"],
      vocab_size: 32_000,
      max_position_embeddings: 2048,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      num_key_value_heads: 4,
      head_dim: 64,
      intermediate_size: 2048,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
      hidden_act: "silu",
      attention_bias: false,
      mlp_bias: false,
      tie_word_embeddings: false,
      torch_dtype: "float32",
    });
  });
});

describe("Hugging Face's defaults", () => {
  it("of GPT-2", () => {
    expect(read(gpt2).config).toEqual(
      resolveConfig({ vocabSize: 96, contextLength: 32, dModel: 48, nLayers: 3, nHeads: 4 }),
    );
    expect(read({ ...gpt2, n_positions: undefined, n_ctx: 16 }).config.contextLength).toBe(16);
    expect(read({ ...gpt2, n_inner: null }).config.dFf).toBe(192);
    expect(read({ ...gpt2, n_inner: 7, resid_pdrop: 0.2, embd_pdrop: 0.1 }).config).toMatchObject({
      dFf: 7,
      dropout: 0.2,
    });
  });

  it("of Llama", () => {
    const expected = resolveConfig({
      vocabSize: 96,
      contextLength: 64,
      dModel: 48,
      nLayers: 3,
      nHeads: 6,
      dFf: 128,
      norm: "rmsNorm",
      normEps: 1e-6,
      activation: "silu",
      gated: true,
      position: "rotary",
      bias: false,
      tieEmbeddings: false,
    });
    expect(read(llama)).toEqual({ type: "llama", config: expected });
    expect(read({ ...llama, rope_parameters: { rope_type: "default", rope_theta: 5e5 } }).config.ropeTheta).toBe(5e5);
    expect(
      read({ ...llama, rope_theta: 2e4, rope_scaling: null, head_dim: null, attention_bias: false }).config,
    ).toMatchObject({ ropeTheta: 2e4, headDim: 8 });
  });

  it.each([
    ["gelu", "gelu"],
    ["gelu_new", "geluTanh"],
    ["gelu_pytorch_tanh", "geluTanh"],
    ["gelu_fast", "geluTanh"],
    ["silu", "silu"],
    ["swish", "silu"],
    ["relu", "relu"],
  ])("activation %s is %s", (theirs, ours) => {
    expect(read({ ...gpt2, activation_function: theirs }).config.activation).toBe(ours);
    expect(read({ ...llama, hidden_act: theirs }).config.activation).toBe(ours);
  });
});

/** Lists deeper than the stack. */
const nested: unknown = JSON.parse("[".repeat(20_000) + "]".repeat(20_000));

describe("refused by name", () => {
  it.each<[string, Record<string, unknown>]>([
    ["config.json: has no model_type, so it does not describe a model; supported: gpt2, llama, mistral, ", {}],
    ['config.json: model_type "t5" is not supported; supported: gpt2, llama, mistral, ', { model_type: "t5" }],
    ['model_type "toString" is not supported', { model_type: "toString" }],
    ["model_type 3 is not supported", { model_type: 3 }],
    ["config.json: n_embd must be an integer, got nothing", { ...gpt2, n_embd: undefined }],
    ['config.json: n_layer must be an integer, got "3"', { ...gpt2, n_layer: "3" }],
    ["config.json: n_head must be an integer, got 1.5", { ...gpt2, n_head: 1.5 }],
    ["config.json: ModelConfig: nLayers must be an integer from 1 to 10000, got -1", { ...gpt2, n_layer: -1 }],
    ["config.json: ModelConfig: dModel must be a multiple of nHeads", { ...gpt2, n_head: 5 }],
    ["activation_function must be one of gelu, gelu_new", { ...gpt2, activation_function: "quick_gelu" }],
    [
      "config.json: scale_attn_by_inverse_layer_idx true is not supported",
      { ...gpt2, scale_attn_by_inverse_layer_idx: true },
    ],
    ["config.json: scale_attn_weights false is not supported", { ...gpt2, scale_attn_weights: false }],
    ["config.json: add_cross_attention true is not supported", { ...gpt2, add_cross_attention: true }],
    ["tie_word_embeddings must be true or false", { ...gpt2, tie_word_embeddings: "yes" }],
    ["config.json: attention_bias true is not supported", { ...llama, attention_bias: true }],
    ["config.json: mlp_bias true is not supported", { ...llama, mlp_bias: true }],
    ["rope_scaling must be an object or null, got 2", { ...llama, rope_scaling: 2 }],
    ["config.json: model_type an array is not supported", { model_type: nested }],
    ["config.json: n_embd must be an integer, got an array", { ...gpt2, n_embd: nested }],
    ["config.json: n_positions must be an integer, got an object", { ...gpt2, n_positions: { nested } }],
    ["config.json: attention_bias an array is not supported", { ...llama, attention_bias: nested }],
    ["config.json: rope_scaling must be an object or null, got an array", { ...llama, rope_scaling: nested }],
    ["config.json: rope_scaling of type an array is not supported", { ...llama, rope_scaling: { type: nested } }],
    [
      "config.json: ModelConfig: vocabSize must be an integer from 1 to 2147483647, got an array",
      { model_type: "heed", vocabSize: nested },
    ],
    ["rope_theta must be a number", { ...llama, rope_theta: "big" }],
    ["nKvHeads must divide nHeads, got 4 and 6", { ...llama, num_key_value_heads: 4 }],
    ['config.json: ModelConfig: unknown option "wide"', { model_type: "heed", wide: 1 }],
    ["config.json: ModelConfig: vocabSize must be an integer", { model_type: "heed" }],
    [
      "norm must be one of layerNorm, rmsNorm, got null",
      { model_type: "heed", vocabSize: 1, contextLength: 1, dModel: 2, nLayers: 1, nHeads: 1, norm: null },
    ],
  ])("%s", (message, values) => {
    expect(() => read(values)).toThrow(FormatError);
    expect(() => read(values)).toThrow(message);
  });

  it("any JSON at all gives a config or a FormatError", () => {
    const values = fc.dictionary(
      fc.constantFrom(...Object.keys({ ...gpt2, ...llama, dModel: 0, n_inner: 0, rope_scaling: 0, __proto__x: 0 })),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(values, fc.constantFrom("gpt2", "llama", "heed"), (changes, type) => {
        const base = type === "gpt2" ? gpt2 : type === "llama" ? llama : {};
        try {
          read({ ...base, ...changes, model_type: type });
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("readFields", () => {
  it.each([
    [Uint8Array.of(0xff), "config.json: not valid UTF-8 text"],
    [new TextEncoder().encode("{"), "config.json: not valid JSON: "],
    [new TextEncoder().encode(""), "config.json: not valid JSON: "],
    [new TextEncoder().encode("[1]"), "config.json: must hold a JSON object, got [1]"],
    [new TextEncoder().encode("null"), "config.json: must hold a JSON object, got null"],
  ])("%j: %s", (bytes, message) => {
    expect(() => readFields(bytes, "config.json")).toThrow(FormatError);
    expect(() => readFields(bytes, "config.json")).toThrow(message);
  });

  it("does not take a prototype's members for fields", () => {
    expect(readFields(new TextEncoder().encode("{}"), "x").value("constructor")).toBeUndefined();
  });
});
