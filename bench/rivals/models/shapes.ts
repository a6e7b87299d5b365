/** The models that are compared with llama.cpp: every family with a GGUF form, in several shapes. */
import type { ModelConfig } from "heed";

/** One model to be made, saved and compared. */
export interface ModelShape {
  /** "family: what is special". */
  readonly name: string;
  /** general.architecture of the file; undefined where GGUF files cannot hold the model, or llama.cpp computes another one. */
  readonly architecture: string | undefined;
  readonly config: ModelConfig;
  /** Whether its logits are among the values of the tests. */
  readonly stored?: true;
}

/** Tokens of the tokenizer, and of models whose vocabulary is padded beyond it. */
export const VOCABULARY = { tokenizer: 263, padded: 271 } as const;

/** Tokens of a prompt and tokens to write; with them, windows and original contexts are exceeded. */
export const LENGTHS = { prompt: 40, written: 50 } as const;

/**
 * How far logits may be from llama.cpp's, as a share of the greatest: what rounding in another order leaves, or with GELU, which
 * llama.cpp looks up in a table of 16-bit floats, more.
 */
export function toleranceOf({ activation = "geluTanh" }: ModelConfig): number {
  return activation === "silu" ? 2e-5 : 2e-3;
}

const [WINDOW, ORIGINAL, LAYERS] = [8, 32, 4];

/** Grouped heads, a vocabulary that is no multiple of anything. */
const SIZES: ModelConfig = {
  ...{ vocabSize: VOCABULARY.padded, contextLength: 128, dModel: 48, nLayers: LAYERS },
  ...{ nHeads: 4, nKvHeads: 2, dFf: 68 },
};

const LLAMA: ModelConfig = {
  ...SIZES,
  ...{ norm: "rmsNorm", gated: true, activation: "silu", position: "rotary", bias: false, tieEmbeddings: false },
};

const GPT2: ModelConfig = { ...SIZES, nKvHeads: 4, norm: "layerNorm", activation: "geluTanh" };

const NEOX: ModelConfig = {
  ...{ ...GPT2, activation: "gelu", position: "rotary", parallelBlocks: true, rotaryDim: 4, tieEmbeddings: false },
};

const QWEN2: ModelConfig = { ...LLAMA, qkvBias: true };
const QWEN3: ModelConfig = { ...LLAMA, qkNorm: "head", headDim: 16 };
const SMOLLM3: ModelConfig = { ...LLAMA, rotaryLayers: [true, true, true, false], ropeTheta: 2e6 };
const OLMO2: ModelConfig = { ...LLAMA, normPlacement: "post", qkNorm: "all" };
const STABLELM: ModelConfig = { ...LLAMA, norm: "layerNorm", normBias: true, rotaryDim: 4 };

const GEMMA: ModelConfig = {
  ...LLAMA,
  ...{ normOffset: 1, activation: "geluTanh", embeddingScale: Math.sqrt(48), headDim: 16, tieEmbeddings: true },
};

const GEMMA2: ModelConfig = {
  ...GEMMA,
  ...{ normPlacement: "both", attentionSoftcap: 2, logitSoftcap: 8, slidingWindow: WINDOW },
  slidingLayers: [true, false, true, false],
};

const GEMMA3: ModelConfig = {
  ...{ ...GEMMA, nLayers: 7, normPlacement: "both", qkNorm: "head", slidingWindow: WINDOW, slidingRopeTheta: 1e4 },
  ...{ ropeTheta: 1e6, slidingLayers: [true, true, true, true, true, false, true] },
};

const YARN = { type: "yarn", factor: 4, originalContextLength: ORIGINAL } as const;
const LINEAR = { type: "linear", factor: 4 } as const;

/** One for each pair of elements that turn, as Phi-3's long contexts have them. */
function factors(rotaryDim: number, attentionFactor?: number): ModelConfig["ropeScaling"] {
  const list = Array.from({ length: rotaryDim / 2 }, (_, i) => 1 + 0.75 * i);
  return { type: "factors", factors: list, ...(attentionFactor !== undefined && { attentionFactor }) };
}

const LLAMA3: ModelConfig["ropeScaling"] = {
  ...{ type: "llama3", factor: 8, originalContextLength: ORIGINAL, lowFreqFactor: 1, highFreqFactor: 4 },
};

/** @param stored whether its values are stored for the tests */
function shape(name: string, architecture: string | undefined, config: ModelConfig, stored?: true): ModelShape {
  return { name, architecture, config, ...(stored && { stored }) };
}

/** All of them. */
export const SHAPES: readonly ModelShape[] = [
  shape("gpt2: tied", "gpt2", GPT2, true),
  shape("gpt2: untied, 3 heads", "gpt2", { ...GPT2, nHeads: 3, nKvHeads: 3, dFf: 50, tieEmbeddings: false }),
  shape("gpt_neox: side by side, a third turns", "gptneox", NEOX, true),
  shape("gpt_neox: one after the other", "gptneox", { ...NEOX, parallelBlocks: false, rotaryDim: 8, ropeTheta: 500 }),
  shape("gpt_neox: linear", "gptneox", { ...NEOX, ropeScaling: LINEAR, vocabSize: VOCABULARY.tokenizer }),
  shape("gpt_neox: tied", "gptneox", { ...NEOX, tieEmbeddings: true }),
  shape("llama: grouped heads", "llama", LLAMA, true),
  shape("llama: one key head, tied", "llama", { ...LLAMA, nKvHeads: 1, headDim: 16, tieEmbeddings: true }),
  shape("llama: as many heads, no padding", "llama", { ...LLAMA, nKvHeads: 4, vocabSize: VOCABULARY.tokenizer }),
  shape("llama: llama3", "llama", { ...LLAMA, ropeTheta: 5e5, ropeScaling: LLAMA3 }, true),
  shape("llama: linear", "llama", { ...LLAMA, ropeScaling: LINEAR }),
  shape("llama: yarn", "llama", { ...LLAMA, ropeScaling: YARN }),
  shape("llama: yarn, own betas", undefined, { ...LLAMA, ropeScaling: { ...YARN, betaFast: 8, betaSlow: 2 } }),
  shape("llama: factors", "llama", { ...LLAMA, ropeScaling: factors(12) }),
  shape("llama: factors, longer queries", "llama", { ...LLAMA, ropeScaling: factors(12, 1.2) }),
  shape("mistral: without a window", "llama", { ...LLAMA, headDim: 16, ropeTheta: 1e6 }, true),
  shape("mistral: with a window", undefined, { ...LLAMA, slidingWindow: WINDOW }),
  shape("smollm3: grouped heads", "smollm3", SMOLLM3, true),
  shape("smollm3: tied, yarn", "smollm3", { ...SMOLLM3, tieEmbeddings: true, ropeScaling: YARN }),
  shape("qwen2: biases", "qwen2", QWEN2, true),
  shape("qwen2: tied, yarn", "qwen2", { ...QWEN2, tieEmbeddings: true, ropeTheta: 1e6, ropeScaling: YARN }),
  shape("qwen2: with a window", undefined, { ...QWEN2, slidingWindow: WINDOW }),
  shape("qwen3: wide heads", "qwen3", QWEN3, true),
  shape("qwen3: tied, yarn", "qwen3", { ...QWEN3, headDim: 8, tieEmbeddings: true, ropeScaling: YARN }),
  shape("phi3: a part turns", "phi3", { ...LLAMA, rotaryDim: 8 }, true),
  shape("phi3: longrope", "phi3", { ...LLAMA, rotaryDim: 8, ropeScaling: factors(8, 1.1) }),
  shape("phi3: window", undefined, { ...LLAMA, rotaryDim: 8, slidingWindow: WINDOW }),
  shape("phi3: window as wide as the context", "phi3", { ...LLAMA, rotaryDim: 8, slidingWindow: 128 }),
  shape("gemma: wide heads", "gemma", GEMMA, true),
  shape("gemma: one key head", "gemma", { ...GEMMA, nKvHeads: 1, headDim: 12 }),
  shape("gemma: untied", undefined, { ...GEMMA, tieEmbeddings: false }),
  shape("gemma2: window, bent scores", "gemma2", GEMMA2, true),
  shape("gemma2: one key head, nothing bent far", "gemma2", {
    ...{ ...GEMMA2, nKvHeads: 1, attentionSoftcap: 50, logitSoftcap: 30 },
  }),
  shape("gemma3: windows with wavelengths of their own", "gemma3", GEMMA3, true),
  shape("gemma3: linear", "gemma3", { ...GEMMA3, ropeScaling: { type: "linear", factor: 8 } }),
  shape("olmo2: grouped heads", "olmo2", OLMO2, true),
  shape("olmo2: yarn", "olmo2", { ...OLMO2, nKvHeads: 4, ropeTheta: 5e5, ropeScaling: YARN }),
  shape("olmo2: tied", "olmo2", { ...OLMO2, tieEmbeddings: true }),
  shape("stablelm: a third turns", "stablelm", STABLELM),
  shape("stablelm: biases, two thirds turn", "stablelm", { ...STABLELM, qkvBias: true, rotaryDim: 8 }, true),
  shape("stablelm: tied", "stablelm", { ...STABLELM, tieEmbeddings: true }),
];
