/** GGUF metadata: what llama.cpp's converter writes is read, and what changes the arithmetic is refused by name. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../src/errors.ts";
import type { TensorArray } from "../../src/formats/architectures/tensor-rules.ts";
import {
  ggufArchitectureOf,
  ggufArchitectures,
  readGGUFConfig,
  writeGGUFMetadata,
} from "../../src/formats/gguf-config.ts";
import { presets, resolveConfig } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/config.ts";

const shaped = (...shape: number[]): TensorArray => ({ shape, data: new Float32Array(0) });
const floats = (...data: number[]): TensorArray => ({ shape: [data.length], data: Float32Array.from(data) });

/** As a file has numbers: those that are not whole have 32 bits. */
function stored(value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Math.fround(value) : value;
}

function metadata(architecture: string, values: Record<string, unknown>): Map<string, unknown> {
  return new Map<string, unknown>([
    ["general.architecture", architecture],
    ["general.name", "x"],
    ...Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, stored(value)] as const),
  ]);
}

const rms = { "attention.layer_norm_rms_epsilon": 1e-6 };
const common = {
  ...{ context_length: 64, embedding_length: 48, block_count: 4, feed_forward_length: 80 },
  ...{ "attention.head_count": 4, "attention.head_count_kv": 2 },
};
const untied = { "token_embd.weight": shaped(301, 48), "output.weight": shaped(301, 48) };
const tied = { "token_embd.weight": shaped(301, 48) };
const sizes = { vocabSize: 301, contextLength: 64, dModel: 48, nLayers: 4, nHeads: 4, dFf: 80, nKvHeads: 2 };
const llamaLike: ModelConfig = {
  ...{ ...sizes, norm: "rmsNorm", normEps: 1e-6, activation: "silu", gated: true, position: "rotary", bias: false },
  tieEmbeddings: false,
};
const gemmaLike: ModelConfig = {
  ...{ ...llamaLike, activation: "geluTanh", normOffset: 1, embeddingScale: Math.sqrt(48), tieEmbeddings: true },
  headDim: 16,
};
const gemmaKeys = { ...common, ...rms, "attention.key_length": 16, "attention.value_length": 16 };

const cases: [
  architecture: string,
  values: Record<string, unknown>,
  tensors: Record<string, TensorArray>,
  ModelConfig,
][] = [
  [
    "gpt2",
    {
      ...{ context_length: 64, embedding_length: 48, feed_forward_length: 192, block_count: 4 },
      ...{ "attention.head_count": 4, "attention.layer_norm_epsilon": 1e-5 },
    },
    tied,
    { ...sizes, nKvHeads: 4, dFf: 192 },
  ],
  [
    "gptneox",
    {
      ...{ ...common, "attention.head_count_kv": undefined, "attention.layer_norm_epsilon": 1e-5 },
      ...{ "rope.dimension_count": 4, use_parallel_residual: true },
    },
    untied,
    {
      ...{ ...sizes, nKvHeads: 4, activation: "gelu", position: "rotary", rotaryDim: 4, parallelBlocks: true },
      tieEmbeddings: false,
    },
  ],
  [
    "llama",
    { ...common, ...rms, vocab_size: 300, "rope.dimension_count": 12, "rope.freq_base": 500_000 },
    { ...untied, "rope_freqs.weight": floats(1, 1, 1, 2, 4, 8) },
    { ...llamaLike, ropeTheta: 500_000, ropeScaling: { type: "factors", factors: [1, 1, 1, 2, 4, 8] } },
  ],
  [
    "llama",
    { ...common, ...rms, "rope.scaling.type": "linear", "rope.scaling.factor": 4, expert_count: 0 },
    tied,
    { ...llamaLike, tieEmbeddings: true, ropeScaling: { type: "linear", factor: 4 } },
  ],
  [
    "llama",
    { ...common, ...rms, "rope.scale_linear": 2, "rope.scaling.type": "linear" },
    untied,
    { ...llamaLike, ropeScaling: { type: "linear", factor: 2 } },
  ],
  [
    "smollm3",
    { ...common, ...rms },
    tied,
    { ...llamaLike, tieEmbeddings: true, rotaryLayers: [true, true, true, false] },
  ],
  [
    "qwen2",
    {
      ...{ ...common, ...rms, "rope.freq_base": 1e6, "rope.scaling.type": "yarn", "rope.scaling.factor": 4 },
      "rope.scaling.original_context_length": 16,
    },
    untied,
    {
      ...llamaLike,
      ropeTheta: 1e6,
      qkvBias: true,
      ropeScaling: { type: "yarn", factor: 4, originalContextLength: 16 },
    },
  ],
  [
    "qwen3",
    { ...common, ...rms, "attention.key_length": 16, "attention.value_length": 16 },
    untied,
    { ...llamaLike, headDim: 16, qkNorm: "head" },
  ],
  [
    "phi3",
    { ...common, ...rms, "rope.dimension_count": 6, "attention.sliding_window": 0 },
    untied,
    { ...llamaLike, rotaryDim: 6 },
  ],
  [
    "phi3",
    {
      ...{ ...common, ...rms, "attention.sliding_window": 2047, "rope.scaling.attn_factor": 1.25 },
      "rope.scaling.original_context_length": 64,
    },
    {
      ...untied,
      "rope_factors_short.weight": floats(1, 1, 2, 2, 3, 3),
      "rope_factors_long.weight": floats(1, 2, 3, 4, 5, 6),
    },
    {
      ...{ ...llamaLike, slidingWindow: 2047 },
      ropeScaling: { type: "factors", factors: [1, 1, 2, 2, 3, 3], attentionFactor: 1.25 },
    },
  ],
  ["gemma", gemmaKeys, tied, gemmaLike],
  [
    "gemma2",
    { ...gemmaKeys, attn_logit_softcapping: 50, final_logit_softcapping: 30, "attention.sliding_window": 5 },
    tied,
    {
      ...{ ...gemmaLike, normPlacement: "both", attentionSoftcap: 50, logitSoftcap: 30, slidingWindow: 5 },
      slidingLayers: [true, false, true, false],
    },
  ],
  [
    "gemma2",
    { ...gemmaKeys, block_count: 46, "attention.sliding_window": 5 },
    tied,
    {
      ...{ ...gemmaLike, nLayers: 46, normPlacement: "both", attentionSoftcap: 50, logitSoftcap: 30 },
      ...{ attentionScale: 1 / Math.sqrt(12), slidingWindow: 5 },
      slidingLayers: Array.from({ length: 46 }, (_, layer) => layer % 2 === 0),
    },
  ],
  [
    "gemma3",
    {
      ...{ ...gemmaKeys, block_count: 6, "rope.freq_base": 1e6, "attention.sliding_window": 5 },
      ...{ "rope.scaling.type": "linear", "rope.scaling.factor": 8 },
    },
    tied,
    {
      ...{ ...gemmaLike, nLayers: 6, normPlacement: "both", qkNorm: "head", ropeTheta: 1e6, slidingWindow: 5 },
      ...{ slidingRopeTheta: 1e4, ropeScaling: { type: "linear", factor: 8 } },
      slidingLayers: [true, true, true, true, true, false],
    },
  ],
  ["olmo2", { ...common, ...rms }, untied, { ...llamaLike, normPlacement: "post", qkNorm: "all" }],
  [
    "stablelm",
    // Files of models that are not parallel say so for want of a setting; their tensors tell.
    { ...common, "attention.layer_norm_epsilon": 1e-5, "rope.dimension_count": 4, use_parallel_residual: true },
    { ...untied, "blk.0.attn_q.bias": shaped(48) },
    { ...llamaLike, norm: "layerNorm", normBias: true, normEps: 1e-5, qkvBias: true, rotaryDim: 4 },
  ],
];

describe("metadata", () => {
  it.each(cases)("of %s: %j", (architecture, values, tensors, expected) => {
    const described = readGGUFConfig(metadata(architecture, values), new Map(Object.entries(tensors)));
    expect(described).toEqual({ architecture, config: resolveConfig(expected) });
  });

  it("all architectures are read here", () => {
    expect(new Set(cases.map(([architecture]) => architecture))).toEqual(new Set(ggufArchitectures()));
  });

  it("has each number in the type that readers ask for", () => {
    const config = resolveConfig(presets.llama({ ropeScaling: { type: "linear", factor: 2 } }));
    expect(Object.fromEntries(writeGGUFMetadata("llama", config))).toEqual({
      "general.architecture": { type: "string", value: "llama" },
      "llama.vocab_size": { type: "uint32", value: 32_000 },
      "llama.context_length": { type: "uint32", value: 2048 },
      "llama.embedding_length": { type: "uint32", value: 768 },
      "llama.block_count": { type: "uint32", value: 12 },
      "llama.feed_forward_length": { type: "uint32", value: 2048 },
      "llama.attention.head_count": { type: "uint32", value: 12 },
      "llama.attention.head_count_kv": { type: "uint32", value: 4 },
      "llama.attention.key_length": { type: "uint32", value: 64 },
      "llama.attention.value_length": { type: "uint32", value: 64 },
      "llama.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-5 },
      "llama.rope.dimension_count": { type: "uint32", value: 64 },
      "llama.rope.freq_base": { type: "float32", value: 10_000 },
      "llama.rope.scaling.type": { type: "string", value: "linear" },
      "llama.rope.scaling.factor": { type: "float32", value: 2 },
    });
    const neox = resolveConfig({
      ...presets.gpt2(),
      ...{ position: "rotary", activation: "gelu", rotaryDim: 16, tieEmbeddings: false },
    });
    expect(writeGGUFMetadata("gptneox", neox).get("gptneox.use_parallel_residual")).toEqual({
      type: "bool",
      value: false,
    });
  });

  it("cannot say everything", () => {
    const none: ModelConfig[] = [
      presets.gpt2({ position: "sinusoidal" }),
      presets.gpt2({ activation: "relu" }),
      presets.llama({ ropeScaling: { type: "dynamic", factor: 2, originalContextLength: 8 } }),
      presets.llama({ rotaryPairing: "pairs" }),
      presets.llama({ attentionScale: 1 }),
    ];
    for (const config of none) expect(ggufArchitectureOf(resolveConfig(config))).toBeUndefined();
    expect(() => writeGGUFMetadata("llama", resolveConfig(presets.gpt2()))).toThrow(ConfigError);
    expect(() => writeGGUFMetadata("llama", resolveConfig(presets.gpt2()))).toThrow(
      'a GGUF file of architecture "llama" cannot hold this model',
    );
    expect(() => writeGGUFMetadata("bert", resolveConfig(presets.gpt2()))).toThrow(
      "architecture must be one of gpt2, llama",
    );
    expect(ggufArchitectureOf(resolveConfig(presets.gpt2({ dropout: 0.1 })))).toBe("gpt2"); // matters in training only
  });

  it.each<[string, string, Record<string, unknown>, Record<string, TensorArray>?]>([
    ['x.gguf: general.architecture "bert" is not supported; supported: gpt2, llama, qwen2', "bert", {}],
    ["x.gguf: llama.context_length must be an integer, got nothing", "llama", {}],
    ["x.gguf: llama.block_count must be an integer, got 1.5", "llama", { ...common, block_count: 1.5 }],
    [
      "llama.attention.head_count_kv must be an integer, got an object",
      "llama",
      { ...common, "attention.head_count_kv": new Uint32Array(4) },
    ],
    ["llama.context_length must be an integer", "llama", { ...common, context_length: 2n ** 60n }],
    ["llama.expert_count 8 is not supported; supported: 0", "llama", { ...common, expert_count: 8 }],
    ["llama.attention.scale 2 is not supported", "llama", { ...common, "attention.scale": 2 }],
    ["llama.logit_scale 2 is not supported", "llama", { ...common, logit_scale: 2 }],
    [
      "llama.attention.causal false is not supported; supported: true",
      "llama",
      { ...common, "attention.causal": false },
    ],
    ["llama.attention.sliding_window 7 is not supported", "llama", { ...common, "attention.sliding_window": 7 }],
    [
      "attention.value_length 9 is not supported; supported: 12",
      "llama",
      { ...common, "attention.key_length": 12, "attention.value_length": 9 },
    ],
    ["llama.rope.dimension_count 6 is not supported; supported: 12", "llama", { ...common, "rope.dimension_count": 6 }],
    [
      'llama.rope.scaling.type "ntk" is not supported; supported: none, linear, yarn, longrope',
      "llama",
      { ...common, "rope.scaling.type": "ntk" },
    ],
    ["llama.rope.scale_linear 2 is not supported; supported: 1", "llama", { ...common, "rope.scale_linear": 2 }],
    [
      "llama.rope.scaling.attn_factor 2 is not supported; supported: 1",
      "llama",
      { ...common, "rope.scaling.attn_factor": 2 },
    ],
    [
      "rope.scaling.yarn_log_multiplier 0.5 is not supported",
      "qwen2",
      { ...common, "rope.scaling.type": "yarn", "rope.scaling.yarn_log_multiplier": 0.5 },
    ],
    [
      'llama.rope.scaling.type "linear" is not supported; supported: none beside rope_freqs.weight',
      "llama",
      { ...common, "rope.scaling.type": "linear" },
      { ...untied, "rope_freqs.weight": floats(1, 1, 1, 1, 1, 1) },
    ],
    ["ropeScaling.factors must be 6 numbers", "llama", common, { ...untied, "rope_freqs.weight": floats(1) }],
    [
      'phi3.rope.scaling "longrope" is not supported; supported: equal lists of factors, or a context within 32',
      "phi3",
      { ...common, "rope.scaling.original_context_length": 32 },
      { ...untied, "rope_factors_short.weight": floats(1), "rope_factors_long.weight": floats(2) },
    ],
    ["gemma3.attention.sliding_window must be an integer, got nothing", "gemma3", { ...gemmaKeys, block_count: 6 }],
    [
      "attention.sliding_window_pattern 4 is not supported; supported: 6",
      "gemma3",
      { ...gemmaKeys, "attention.sliding_window_pattern": 4 },
    ],
    ["olmo2.attention.sliding_window 9 is not supported", "olmo2", { ...common, "attention.sliding_window": 9 }],
    ["nLayers must be an integer from 1 to 10000", "smollm3", { ...common, block_count: 1e15 }],
  ])("%s", (message, architecture, values, tensors = untied) => {
    const read = (): unknown =>
      readGGUFConfig(metadata(architecture, values), new Map(Object.entries(tensors)), "x.gguf");
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
  });

  it("any values give a config or a FormatError", () => {
    const keys = [...new Set(cases.flatMap(([, values]) => Object.keys(values)))];
    const wild = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(2n ** 63n, Infinity, NaN, -1, 1e15, 2 ** 31, new Float32Array(2), ["a"], "yarn"),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.dictionary(fc.constantFrom(...keys), wild, { maxKeys: 3 }),
        (one, change) => {
          const [architecture, values, tensors] = one;
          try {
            readGGUFConfig(metadata(architecture, { ...values, ...change }), new Map(Object.entries(tensors)));
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
