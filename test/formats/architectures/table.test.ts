/** What published config.json files mean, in the forms of transformers 4 and 5, and what of them is refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/errors.ts";
import { FAMILIES, architectureOf } from "../../../src/formats/architectures/table.ts";
import { FLOAT_FIELDS, modelTypeOf, readConfig, writeConfig } from "../../../src/formats/config-json.ts";
import { Fields, readFields, writeJSON } from "../../../src/formats/fields.ts";
import { resolveConfig } from "../../../src/model/config.ts";
import type { ModelConfig } from "../../../src/model/config.ts";
import type { RopeScaling } from "../../../src/ops/rope-scaling.ts";

type JSONObject = Record<string, unknown>;

function read(values: JSONObject): ReturnType<typeof readConfig> {
  return readConfig(new Fields("config.json", values));
}

/** Sizes as files since Llama name them, and what they are here. */
const theirSizes = {
  ...{ vocab_size: 301, max_position_embeddings: 64, hidden_size: 48, num_hidden_layers: 4 },
  ...{ num_attention_heads: 4, intermediate_size: 80, num_key_value_heads: 2 },
};
const sizes = { vocabSize: 301, contextLength: 64, dModel: 48, nLayers: 4, nHeads: 4, dFf: 80, nKvHeads: 2 };
const llamaLike: ModelConfig = {
  ...{ ...sizes, norm: "rmsNorm", normEps: 1e-6, activation: "silu", gated: true, position: "rotary", bias: false },
  tieEmbeddings: false,
};
const gemmaLike: ModelConfig = {
  ...{ ...llamaLike, activation: "geluTanh", normOffset: 1, embeddingScale: Math.sqrt(48), tieEmbeddings: true },
  headDim: 256,
};
const [SLIDING, FULL] = ["sliding_attention", "full_attention"];
const llama3 = {
  ...{ factor: 32, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192 },
  rope_type: "llama3",
};
const llama3Scaling: RopeScaling = {
  ...{ type: "llama3", factor: 32, originalContextLength: 8192, lowFreqFactor: 1, highFreqFactor: 4 },
};

/** Named after the models that have such files; what is not in them is Hugging Face's default. */
const cases: [name: string, values: JSONObject, expected: ModelConfig][] = [
  [
    "Pythia",
    {
      ...{ ...theirSizes, num_key_value_heads: undefined, model_type: "gpt_neox", hidden_act: "gelu" },
      ...{ layer_norm_eps: 1e-5, rotary_emb_base: 10_000, rotary_pct: 0.2, tie_word_embeddings: false },
      ...{ use_parallel_residual: true, initializer_range: 0.02, torch_dtype: "float16", use_cache: true },
    },
    {
      ...{ ...sizes, nKvHeads: 4, activation: "gelu", position: "rotary", rotaryDim: 2 },
      ...{ parallelBlocks: true, tieEmbeddings: false, headDim: 12 },
    },
  ],
  [
    "Llama 3.2",
    {
      ...{ ...theirSizes, model_type: "llama", rms_norm_eps: 1e-5, rope_theta: 500_000, rope_scaling: llama3 },
      ...{ tie_word_embeddings: true, head_dim: 16, hidden_act: "silu", attention_bias: false, mlp_bias: false },
      ...{ pretraining_tp: 1, attention_dropout: 0 },
    },
    {
      ...{ ...llamaLike, normEps: 1e-5, ropeTheta: 500_000, headDim: 16, tieEmbeddings: true },
      ropeScaling: llama3Scaling,
    },
  ],
  [
    "Llama 3.2, as transformers 5 writes it",
    { ...theirSizes, model_type: "llama", rope_parameters: { ...llama3, rope_theta: 500_000 }, dtype: "bfloat16" },
    { ...llamaLike, ropeTheta: 500_000, ropeScaling: llama3Scaling },
  ],
  [
    "Vicuna 16k",
    { ...theirSizes, model_type: "llama", rope_scaling: { type: "linear", factor: 4 } },
    { ...llamaLike, ropeScaling: { type: "linear", factor: 4 } },
  ],
  [
    "Llama with dynamic scaling",
    { ...theirSizes, model_type: "llama", rope_scaling: { type: "dynamic", factor: 2 } },
    { ...llamaLike, ropeScaling: { type: "dynamic", factor: 2, originalContextLength: 64 } },
  ],
  [
    "SmolLM3",
    {
      ...{ ...theirSizes, model_type: "smollm3", no_rope_layers: [1, 1, 1, 0], no_rope_layer_interval: 4 },
      ...{ layer_types: [FULL, FULL, FULL, FULL], rope_theta: 5_000_000, sliding_window: null },
      ...{ use_sliding_window: false, max_window_layers: 28, attention_bias: false, mlp_bias: false },
    },
    { ...llamaLike, ropeTheta: 5e6, rotaryLayers: [true, true, true, false], tieEmbeddings: true },
  ],
  [
    "SmolLM3 without its lists",
    { ...theirSizes, model_type: "smollm3", use_sliding_window: true, sliding_window: 8 },
    {
      ...{ ...llamaLike, ropeTheta: 2e6, rotaryLayers: [true, true, true, false], tieEmbeddings: true },
      ...{ slidingWindow: 8, slidingLayers: [false, false, false, true] },
    },
  ],
  [
    "Mistral 0.1",
    { ...theirSizes, model_type: "mistral", rms_norm_eps: 1e-5, sliding_window: 4096, rope_theta: 10_000 },
    { ...llamaLike, normEps: 1e-5, slidingWindow: 4096 },
  ],
  [
    "Mistral 0.3",
    { ...theirSizes, model_type: "mistral", rope_theta: 1e6, sliding_window: null, head_dim: null },
    { ...llamaLike, ropeTheta: 1e6 },
  ],
  [
    "Mistral, nothing said of its window",
    { ...theirSizes, model_type: "mistral" },
    { ...llamaLike, slidingWindow: 4096 },
  ],
  [
    "Qwen 2.5",
    {
      ...{ ...theirSizes, model_type: "qwen2", rope_theta: 1e6, use_sliding_window: false, sliding_window: 32_768 },
      ...{ max_window_layers: 2, use_mrope: false, tie_word_embeddings: true },
    },
    { ...llamaLike, ropeTheta: 1e6, qkvBias: true, tieEmbeddings: true },
  ],
  [
    "Qwen 2 with windows",
    { ...theirSizes, model_type: "qwen2", use_sliding_window: true, sliding_window: 9, max_window_layers: 3 },
    { ...llamaLike, qkvBias: true, slidingWindow: 9, slidingLayers: [false, false, false, true] },
  ],
  [
    "Qwen 2.5 with YaRN",
    {
      ...{ ...theirSizes, model_type: "qwen2" },
      rope_scaling: { factor: 4, original_max_position_embeddings: 16, type: "yarn" },
    },
    { ...llamaLike, qkvBias: true, ropeScaling: { type: "yarn", factor: 4, originalContextLength: 16 } },
  ],
  [
    "Qwen 3",
    {
      ...{ ...theirSizes, model_type: "qwen3", attention_bias: false, rope_scaling: null, rope_theta: 1e6 },
      ...{ use_sliding_window: false, sliding_window: null, max_window_layers: 28 },
    },
    { ...llamaLike, ropeTheta: 1e6, headDim: 128, qkNorm: "head" },
  ],
  [
    "Phi-3-mini-4k",
    {
      ...{ ...theirSizes, model_type: "phi3", rms_norm_eps: 1e-5, original_max_position_embeddings: 64 },
      ...{ rope_scaling: null, sliding_window: 2047, attention_bias: false, resid_pdrop: 0, embd_pdrop: 0 },
    },
    { ...llamaLike, normEps: 1e-5, slidingWindow: 2047 },
  ],
  [
    "Phi-4-mini, cut to its original context",
    {
      ...{ ...theirSizes, model_type: "phi3", original_max_position_embeddings: 64, partial_rotary_factor: 0.5 },
      ...{ sliding_window: null, full_attn_mod: 1, lm_head_bias: false, mlp_bias: false, tie_word_embeddings: true },
      rope_scaling: { type: "longrope", short_factor: [1, 1.5, 2], long_factor: [1, 4, 8] },
    },
    {
      ...{ ...llamaLike, normEps: 1e-5, rotaryDim: 6, tieEmbeddings: true },
      ropeScaling: { type: "factors", factors: [1, 1.5, 2] },
    },
  ],
  [
    "Phi-3 whose two lists are one",
    {
      ...{ ...theirSizes, model_type: "phi3", original_max_position_embeddings: 16, partial_rotary_factor: 0.5 },
      rope_scaling: { type: "su", short_factor: [1, 1.5, 2], long_factor: [1, 1.5, 2] },
    },
    {
      ...{ ...llamaLike, normEps: 1e-5, rotaryDim: 6 },
      ropeScaling: { type: "factors", factors: [1, 1.5, 2], attentionFactor: Math.sqrt(1.5) },
    },
  ],
  [
    "Gemma, first files",
    { ...theirSizes, model_type: "gemma", hidden_act: "gelu", hidden_activation: null, attention_bias: false },
    gemmaLike,
  ],
  [
    "Gemma, later files",
    { ...theirSizes, model_type: "gemma", hidden_act: "gelu", hidden_activation: "gelu_pytorch_tanh", head_dim: 8 },
    { ...gemmaLike, headDim: 8 },
  ],
  [
    "Gemma 2",
    {
      ...{ ...theirSizes, model_type: "gemma2", attn_logit_softcapping: 50, final_logit_softcapping: 30 },
      ...{ query_pre_attn_scalar: 224, sliding_window: 4096, hidden_act: "gelu_pytorch_tanh", head_dim: 8 },
      ...{ hidden_activation: "gelu_pytorch_tanh", cache_implementation: "hybrid" },
    },
    {
      ...{ ...gemmaLike, headDim: 8, normPlacement: "both", attentionScale: 1 / Math.sqrt(224) },
      ...{ attentionSoftcap: 50, logitSoftcap: 30, slidingWindow: 4096, slidingLayers: [true, false, true, false] },
    },
  ],
  [
    "Gemma 2 with nothing bent",
    {
      ...{ ...theirSizes, model_type: "gemma2", attn_logit_softcapping: null, final_logit_softcapping: null },
      layer_types: [FULL, SLIDING, FULL, SLIDING],
    },
    {
      ...{ ...gemmaLike, normPlacement: "both", attentionScale: 1 / 16 },
      ...{ slidingWindow: 4096, slidingLayers: [false, true, false, true] },
    },
  ],
  [
    "Gemma 3, 1B",
    {
      ...{ ...theirSizes, num_hidden_layers: 7, model_type: "gemma3_text", sliding_window: 512, head_dim: 8 },
      ...{ sliding_window_pattern: 6, rope_theta: 1_000_000, rope_local_base_freq: 10_000, rope_scaling: null },
      ...{ query_pre_attn_scalar: 256, attn_logit_softcapping: null, final_logit_softcapping: null },
    },
    {
      ...{ ...gemmaLike, nLayers: 7, headDim: 8, normPlacement: "both", qkNorm: "head", attentionScale: 1 / 16 },
      ...{ ropeTheta: 1e6, slidingRopeTheta: 1e4, slidingWindow: 512 },
      slidingLayers: [true, true, true, true, true, false, true],
    },
  ],
  [
    "Gemma 3, 4B, which has eyes",
    {
      ...{ model_type: "gemma3", image_token_index: 262_144, vision_config: { hidden_size: 1152 } },
      text_config: {
        ...{ hidden_size: 48, intermediate_size: 80, model_type: "gemma3_text", num_hidden_layers: 6 },
        ...{ rope_scaling: { factor: 8, rope_type: "linear" }, sliding_window: 1024 },
      },
    },
    {
      ...{ ...gemmaLike, vocabSize: 262_208, contextLength: 131_072, nHeads: 8, nKvHeads: 4, nLayers: 6 },
      ...{ normPlacement: "both", qkNorm: "head", attentionScale: 1 / 16, ropeTheta: 1e6, slidingRopeTheta: 1e4 },
      ...{ ropeScaling: { type: "linear", factor: 8 }, slidingWindow: 1024 },
      slidingLayers: [true, true, true, true, true, false],
    },
  ],
  [
    "Gemma 3, as transformers 5 writes it",
    {
      ...{ ...theirSizes, model_type: "gemma3_text", layer_types: [SLIDING, FULL, SLIDING, FULL], sliding_window: 5 },
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 8, rope_theta: 2e6 },
        sliding_attention: { rope_type: "default", rope_theta: 3e4 },
      },
    },
    {
      ...{ ...gemmaLike, normPlacement: "both", qkNorm: "head", attentionScale: 1 / 16, ropeTheta: 2e6 },
      ...{ slidingRopeTheta: 3e4, ropeScaling: { type: "linear", factor: 8 }, slidingWindow: 5 },
      slidingLayers: [true, false, true, false],
    },
  ],
  [
    "OLMo 2",
    { ...theirSizes, model_type: "olmo2", rms_norm_eps: 1e-6, rope_theta: 500_000, attention_bias: false },
    { ...llamaLike, ropeTheta: 500_000, normPlacement: "post", qkNorm: "all" },
  ],
  [
    "StableLM 2",
    {
      ...{ ...theirSizes, model_type: "stablelm", layer_norm_eps: 1e-5, partial_rotary_factor: 0.5 },
      ...{ qk_layernorm: false, use_parallel_residual: false, use_qkv_bias: true, rope_theta: 10_000 },
    },
    { ...llamaLike, norm: "layerNorm", normBias: true, normEps: 1e-5, qkvBias: true, rotaryDim: 6 },
  ],
];

describe("config.json of", () => {
  it.each(cases)("%s", (_, values, expected) => {
    const { config } = read(values);
    expect(config).toEqual(resolveConfig(expected));
  });

  it.each(cases)("%s is written as what it is, and read back", (_, values) => {
    const { config } = read(values);
    const written = readFields(writeJSON(writeConfig(config), FLOAT_FIELDS), "config.json");
    expect(readConfig(written)).toEqual({ type: modelTypeOf(config), config });
    expect(modelTypeOf(config)).not.toBe("heed");
  });

  it("the table says model_type, class, and GGUF's architecture, each once", () => {
    const entries = FAMILIES.map(architectureOf);
    expect(new Set(entries.map(({ huggingFace }) => huggingFace.className)).size).toBe(FAMILIES.length);
    const gguf = entries.flatMap((entry) => entry.gguf?.architecture ?? []);
    expect(new Set(gguf).size).toBe(FAMILIES.length - 1); // Mistral is a Llama there
  });

  it("whole numbers that must be floats are written as such", () => {
    const text = new TextDecoder().decode(writeJSON({ final_logit_softcapping: 30, vocab_size: 30 }, FLOAT_FIELDS));
    expect(text).toBe('{\n  "final_logit_softcapping": 30.0,\n  "vocab_size": 30\n}\n');
  });
});

const of = (model_type: string, more: JSONObject): JSONObject => ({ ...theirSizes, model_type, ...more });

describe("refused by name", () => {
  it.each<[string, JSONObject]>([
    ["config.json: attention_bias true is not supported; supported: false", of("llama", { attention_bias: true })],
    ["mlp_bias true is not supported; supported: false", of("llama", { mlp_bias: true })],
    ["quantization_config an object is not supported", of("llama", { quantization_config: { bits: 4 } })],
    ["is_encoder_decoder true is not supported; supported: false", of("llama", { is_encoder_decoder: true })],
    [
      'rope_scaling of type "xpos" is not supported; supported: default, linear, dynamic, llama3, yarn, longrope',
      of("llama", { rope_scaling: { rope_type: "xpos" } }),
    ],
    ["rope_parameters of type 3 is not supported", of("llama", { rope_parameters: { rope_type: 3 } })],
    ["rope_scaling.factor must be a number, got nothing", of("llama", { rope_scaling: { type: "linear" } })],
    ["rope_scaling.original_max_position_embeddings must be", of("llama", { rope_scaling: { type: "yarn" } })],
    ["ropeScaling.factor must be", of("llama", { rope_scaling: { type: "linear", factor: 0.5 } })],
    [
      "rope_scaling.truncate false is not supported; supported: true",
      of("qwen2", { rope_scaling: { type: "yarn", factor: 4, truncate: false } }),
    ],
    [
      "rope_scaling.low_freq_factor must be a number",
      of("llama", { rope_scaling: { ...llama3, low_freq_factor: null } }),
    ],
    ["partial_rotary_factor 0.5 is not supported; supported: 1", of("llama", { partial_rotary_factor: 0.5 })],
    ["ModelConfig: rotaryDim must be even", of("phi3", { partial_rotary_factor: 0.25 })],
    ["layer_types an array is not supported", of("mistral", { layer_types: Array(9).fill(FULL) })],
    ["sliding_window must be an integer", of("mistral", { sliding_window: "wide" })],
    ["slidingWindow must be an integer >= 1, got 0", of("mistral", { sliding_window: 0 })],
    ["attention_bias true is not supported", of("qwen3", { attention_bias: true })],
    [
      'layer_types "chunked_attention" is not supported; supported: full_attention, sliding_attention',
      of("qwen2", { use_sliding_window: true, layer_types: [FULL, FULL, FULL, "chunked_attention"] }),
    ],
    ["layer_types must be a list of 4, one for each layer", of("gemma2", { layer_types: [FULL] })],
    ["layer_types must be a list, got", of("gemma2", { layer_types: "full" })],
    ["no_rope_layers must be a list of 4 of 0 and 1", of("smollm3", { no_rope_layers: [1, 0] })],
    ["no_rope_layers must be a list of 4 of 0 and 1", of("smollm3", { no_rope_layers: [1, 1, 1, 2] })],
    ["mlp_bias true is not supported", of("smollm3", { mlp_bias: true })],
    [
      'rope_scaling of type "longrope" is not supported where the factors change with the length of the text; supported: equal lists, or a context of at most the original 32 tokens, got 64',
      of("phi3", {
        ...{ original_max_position_embeddings: 32 },
        rope_scaling: { type: "longrope", short_factor: [1, 1], long_factor: [1, 2] },
      }),
    ],
    [
      "rope_scaling.long_factor must be a list of numbers, got nothing",
      of("phi3", { rope_scaling: { type: "longrope", short_factor: [1, 1] } }),
    ],
    [
      "ropeScaling.factors must be 6 numbers",
      of("phi3", { rope_scaling: { type: "longrope", short_factor: [1, 1], long_factor: [1, 1] } }),
    ],
    ["full_attn_mod 2 is not supported; supported: 1", of("phi3", { full_attn_mod: 2 })],
    ["lm_head_bias true is not supported", of("phi3", { lm_head_bias: true })],
    ["use_bidirectional_attention true is not supported", of("gemma", { use_bidirectional_attention: true })],
    ["use_bidirectional_attention true is not supported", of("gemma3_text", { use_bidirectional_attention: true })],
    ["attention_bias true is not supported", of("gemma2", { attention_bias: true })],
    ["logitSoftcap must be a number above 0, got 0", of("gemma2", { final_logit_softcapping: 0 })],
    ["attentionScale must be a number above 0, got Infinity", of("gemma2", { query_pre_attn_scalar: 0 })],
    [
      'rope_parameters.sliding_attention.rope_type "linear" is not supported; supported: "default"',
      of("gemma3_text", { rope_parameters: { sliding_attention: { rope_type: "linear", factor: 2 } } }),
    ],
    ["config.json: text_config must be an object, got nothing", { model_type: "gemma3" }],
    ["config.json: text_config.hidden_size must be an integer", { model_type: "gemma3", text_config: {} }],
    ["attention_bias true is not supported", of("olmo2", { attention_bias: true })],
    ["use_parallel_residual true is not supported; supported: false", of("stablelm", { use_parallel_residual: true })],
    ["qk_layernorm true is not supported; supported: false", of("stablelm", { qk_layernorm: true })],
    ["attention_bias false is not supported; supported: true", of("gpt_neox", { attention_bias: false })],
    ["rotary_pct must be a number", of("gpt_neox", { rotary_pct: "all" })],
  ])("%s", (message, values) => {
    expect(() => read(values)).toThrow(FormatError);
    expect(() => read(values)).toThrow(message);
  });

  it("any changes give a config or a FormatError, and no list is made by an unchecked number", () => {
    const names = [...new Set(cases.flatMap(([, values]) => Object.keys(values)))];
    const wild = fc.oneof(fc.jsonValue(), fc.constantFrom(1e308, -1, 0, 2 ** 31, 1e15, 0.5, null, [], {}, "default"));
    const changes = fc.dictionary(fc.constantFrom(...names), wild, { maxKeys: 3 });
    const rope = fc.dictionary(fc.constantFrom("rope_type", "type", "factor", "rope_theta", "short_factor"), wild);
    fc.assert(
      fc.property(fc.constantFrom(...cases), changes, fc.option(rope), ([, values], change, rope_parameters) => {
        const changed = { ...values, ...change, ...(rope_parameters !== null && { rope_parameters }) };
        try {
          read({ ...changed, model_type: values.model_type });
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
