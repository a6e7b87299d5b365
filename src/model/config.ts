/**
 * One `ModelConfig` describes every decoder-only transformer heed builds. The defaults are the GPT-2 family; the Llama
 * family is the same machine with other settings.
 */
import { ConfigError, checkInteger, checkNumber, checkOptions, describeValue } from "../errors.ts";
import { checkRopeScaling } from "../ops/rope-scaling.ts";
import type { RopeScaling } from "../ops/rope-scaling.ts";
import { MAX_POSITION_NUMBERS } from "../ops/rotary.ts";
import { MAX_SIZE } from "../tensor/shape.ts";

/** The non-linearity of the feed-forward layer. */
export type Activation = "gelu" | "geluTanh" | "silu" | "relu";

/** What a caller may say about a model; everything but the five sizes has a default. */
export interface ModelConfig {
  /** Number of token ids; ids run from 0 to vocabSize - 1. */
  vocabSize: number;
  /** The greatest number of tokens that the model sees at once. */
  contextLength: number;
  /** Width of the residual stream. */
  dModel: number;
  /** Number of transformer blocks. */
  nLayers: number;
  /** Number of query heads. */
  nHeads: number;
  /** Number of key/value heads, a divisor of nHeads. Default nHeads. */
  nKvHeads?: number;
  /** Width of one head. Default dModel / nHeads. */
  headDim?: number;
  /** Inner width of the feed-forward layer. Default 4 · dModel, or 8/3 · dModel rounded up to a multiple of 4 when gated. */
  dFf?: number;
  /** Default "layerNorm". */
  norm?: "layerNorm" | "rmsNorm";
  /** Added to the variance (mean square) before the root. Default 1e-5. */
  normEps?: number;
  /** Default "geluTanh". */
  activation?: Activation;
  /** Whether the feed-forward layer multiplies by a second, activated projection (SwiGLU with "silu"). Default false. */
  gated?: boolean;
  /** How a token learns its place. Default "learned". */
  position?: "learned" | "sinusoidal" | "rotary";
  /** Base of the rotary wavelengths. Default 10,000; only with position "rotary". */
  ropeTheta?: number;
  /** Which elements turn together: i with i + headDim / 2 ("halves", Hugging Face) or neighbours ("pairs", the paper). Default "halves"; only with "rotary". */
  rotaryPairing?: "halves" | "pairs";
  /** How many elements of each head turn, the first ones. Default headDim; only with "rotary". */
  rotaryDim?: number;
  /** How rotary frequencies are changed for longer contexts. Default null, not at all; only with "rotary". */
  ropeScaling?: RopeScaling | null;
  /** Layers that turn queries and keys at all (SmolLM3 leaves out every fourth). Default null, all of them; only with "rotary". */
  rotaryLayers?: readonly boolean[] | null;
  /** Base of the rotary wavelengths in sliding layers, which then have no scaling either (Gemma 3). Default null, as in the others. */
  slidingRopeTheta?: number | null;
  /** Whether linear layers and LayerNorm have biases. Default true. */
  bias?: boolean;
  /** Whether query, key and value projections have biases. Default `bias`. */
  qkvBias?: boolean;
  /** Whether LayerNorm has a bias. Default `bias`. */
  normBias?: boolean;
  /** What an RMSNorm adds to its weights before it multiplies by them: Gemma's count from 1. Default 0. */
  normOffset?: number;
  /** Where a branch is normalised: on its way in ("pre"), on its way out ("post", OLMo 2), or both ("both", Gemma 2). Default "pre". */
  normPlacement?: "pre" | "post" | "both";
  /** RMSNorm of queries and keys: of each head by itself ("head", Qwen 3) or of all heads together ("all", OLMo 2). Default "none". */
  qkNorm?: "none" | "head" | "all";
  /** Whether attention and feed-forward both read the block's input and are added side by side (GPT-NeoX). Default false. */
  parallelBlocks?: boolean;
  /** Factor on attention scores. Default 1 / √headDim. */
  attentionScale?: number;
  /** Attention scores are bent into ±attentionSoftcap (Gemma 2). Default null, not at all. */
  attentionSoftcap?: number | null;
  /** Logits are bent into ±logitSoftcap (Gemma 2). Default null, not at all. */
  logitSoftcap?: number | null;
  /** In sliding layers a token sees only so many tokens, itself included. Default null: no layer slides. */
  slidingWindow?: number | null;
  /** Which layers slide. Default null: all of them, if there is a slidingWindow. */
  slidingLayers?: readonly boolean[] | null;
  /** Factor on token embeddings as they enter the residual stream (Gemma: √dModel). Default 1. */
  embeddingScale?: number;
  /** Whether the output head shares the token embedding's matrix. Default true. */
  tieEmbeddings?: boolean;
  /** Probability of zeroing an activation while training. Default 0. */
  dropout?: number;
}

/** A config with every default filled in and checked. */
export type ResolvedConfig = Readonly<Required<ModelConfig>>;

const KEYS: readonly (keyof ModelConfig)[] = [
  "vocabSize",
  "contextLength",
  "dModel",
  "nLayers",
  "nHeads",
  "nKvHeads",
  "headDim",
  "dFf",
  "norm",
  "normEps",
  "activation",
  "gated",
  "position",
  "ropeTheta",
  "rotaryPairing",
  "rotaryDim",
  "ropeScaling",
  "rotaryLayers",
  "slidingRopeTheta",
  "bias",
  "qkvBias",
  "normBias",
  "normOffset",
  "normPlacement",
  "qkNorm",
  "parallelBlocks",
  "attentionScale",
  "attentionSoftcap",
  "logitSoftcap",
  "slidingWindow",
  "slidingLayers",
  "embeddingScale",
  "tieEmbeddings",
  "dropout",
];

const CHOICES = {
  norm: ["layerNorm", "rmsNorm"],
  activation: ["gelu", "geluTanh", "silu", "relu"],
  position: ["learned", "sinusoidal", "rotary"],
  rotaryPairing: ["halves", "pairs"],
  normPlacement: ["pre", "post", "both"],
  qkNorm: ["none", "head", "all"],
} as const;

/** The most blocks that a model may have; the deepest published ones have some hundred. */
const MAX_LAYERS = 10_000;

/** Defaults of rotary positions. */
const ROTARY = { ropeTheta: 10_000, rotaryPairing: "halves", ropeScaling: null, rotaryLayers: null } as const;

/**
 * Fills in the defaults and checks that the sizes fit together.
 *
 * ```ts
 * resolveConfig({ vocabSize: 1024, contextLength: 128, dModel: 128, nLayers: 4, nHeads: 4 }).headDim; // 32
 * ```
 *
 * @throws ConfigError naming the first setting that is missing, unknown, out of range or in conflict
 */
export function resolveConfig(config: ModelConfig): ResolvedConfig {
  if (config === undefined) throw new ConfigError("ModelConfig: needs sizes, for example presets.gpt2(), got nothing");
  checkOptions("ModelConfig", config, KEYS);
  for (const name of ["vocabSize", "contextLength", "dModel", "nLayers", "nHeads"] as const) {
    checkInteger("ModelConfig", name, config[name], 1, name === "nLayers" ? MAX_LAYERS : MAX_SIZE);
  }
  const given = Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as ModelConfig;
  // A resolved config names the defaults even where they mean nothing, and must be accepted again.
  const headDim = given.headDim ?? given.dModel / given.nHeads;
  const rotary = { ...ROTARY, rotaryDim: headDim, slidingRopeTheta: null };
  const changed = (Object.keys(rotary) as (keyof typeof rotary)[]).filter(
    (name) => given[name] !== undefined && given[name] !== rotary[name],
  );
  if (given.position !== "rotary" && changed.length > 0) {
    throw new ConfigError(
      `ModelConfig: ${changed[0]} needs position "rotary", got position "${given.position ?? "learned"}"`,
    );
  }
  const { bias = true } = given;
  const resolved: ResolvedConfig = {
    nKvHeads: given.nHeads,
    headDim,
    dFf: given.gated ? Math.ceil((8 * given.dModel) / 3 / 4) * 4 : 4 * given.dModel,
    norm: "layerNorm",
    normEps: 1e-5,
    activation: "geluTanh",
    gated: false,
    position: "learned",
    ...rotary,
    bias,
    qkvBias: bias,
    normBias: bias,
    normOffset: 0,
    normPlacement: "pre",
    qkNorm: "none",
    parallelBlocks: false,
    attentionScale: 1 / Math.sqrt(headDim),
    attentionSoftcap: null,
    logitSoftcap: null,
    slidingWindow: null,
    slidingLayers: null,
    embeddingScale: 1,
    tieEmbeddings: true,
    dropout: 0,
    ...given,
  };
  checkResolved(resolved);
  return Object.freeze(resolved);
}

function checkResolved(config: ResolvedConfig): void {
  const { dModel, nHeads, nKvHeads, headDim } = config;
  if (!Number.isInteger(headDim)) {
    throw new ConfigError(
      `ModelConfig: dModel must be a multiple of nHeads unless headDim is given, got dModel ${dModel} and nHeads ${nHeads}`,
      { dModel, nHeads },
    );
  }
  checkInteger("ModelConfig", "nKvHeads", nKvHeads, 1, nHeads);
  if (nHeads % nKvHeads !== 0)
    throw new ConfigError(`ModelConfig: nKvHeads must divide nHeads, got ${nKvHeads} and ${nHeads}`, {
      nHeads,
      nKvHeads,
    });
  checkInteger("ModelConfig", "headDim", headDim, 1, 2 ** 20);
  checkMatrices(config);
  checkInteger("ModelConfig", "dFf", config.dFf, 1, MAX_SIZE);
  checkNumber("ModelConfig", "normEps", config.normEps, 0, 1);
  checkNumber("ModelConfig", "ropeTheta", config.ropeTheta, 1);
  checkNumber("ModelConfig", "dropout", config.dropout, 0, 0.999);
  for (const name of ["gated", "bias", "qkvBias", "normBias", "parallelBlocks", "tieEmbeddings"] as const) {
    checkFlag("ModelConfig", name, config[name]);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = config[name as keyof typeof CHOICES];
    if (!(choices as readonly string[]).includes(value)) {
      throw new ConfigError(`ModelConfig: ${name} must be one of ${choices.join(", ")}, got ${String(value)}`, {
        name,
        value,
      });
    }
  }
  checkScales(config);
  checkLayerLists(config);
  if (config.position === "rotary") checkRotary(config);
  if (config.position === "sinusoidal" && dModel % 2 !== 0)
    throw new ConfigError(`ModelConfig: sinusoidal positions need an even dModel, got ${dModel}`, { dModel });
}

function checkScales(config: ResolvedConfig): void {
  checkNumber("ModelConfig", "normOffset", config.normOffset, -1, 1);
  if (config.norm === "layerNorm" && config.normOffset !== 0)
    throw new ConfigError(`ModelConfig: normOffset needs norm "rmsNorm", got norm "layerNorm"`);
  if (config.parallelBlocks && config.normPlacement !== "pre")
    throw new ConfigError(`ModelConfig: parallelBlocks need normPlacement "pre", got "${config.normPlacement}"`);
  for (const name of ["attentionScale", "embeddingScale", "attentionSoftcap", "logitSoftcap"] as const) {
    const value = config[name];
    if (value !== null) checkNumber("ModelConfig", name, value, Number.MIN_VALUE);
  }
}

function checkLayerLists(config: ResolvedConfig): void {
  const { nLayers, slidingWindow, slidingLayers, slidingRopeTheta } = config;
  if (slidingWindow !== null) checkInteger("ModelConfig", "slidingWindow", slidingWindow, 1);
  if (slidingWindow === null && (slidingLayers !== null || slidingRopeTheta !== null))
    throw new ConfigError("ModelConfig: slidingLayers and slidingRopeTheta need a slidingWindow");
  if (slidingRopeTheta !== null) checkNumber("ModelConfig", "slidingRopeTheta", slidingRopeTheta, 1);
  for (const name of ["slidingLayers", "rotaryLayers"] as const) {
    const flags = config[name];
    if (flags === null) continue;
    if (!Array.isArray(flags) || flags.length !== nLayers || flags.some((flag) => typeof flag !== "boolean"))
      throw new ConfigError(`ModelConfig: ${name} must be ${nLayers} booleans, one for each layer`, { name });
  }
}

function checkRotary({ headDim, rotaryDim, ropeScaling }: ResolvedConfig): void {
  if (!(rotaryDim > 0 && rotaryDim <= headDim && rotaryDim % 2 === 0)) {
    throw new ConfigError(
      rotaryDim === headDim
        ? `ModelConfig: rotary positions need an even headDim, got ${headDim}`
        : `ModelConfig: rotaryDim must be even and at most headDim ${headDim}, got ${rotaryDim}`,
      { headDim, rotaryDim },
    );
  }
  if (ropeScaling !== null) checkRopeScaling("ModelConfig", ropeScaling, rotaryDim);
}

/** Throws a `ConfigError` if a weight matrix of the model would hold more numbers than a tensor can. */
function checkMatrices({ vocabSize, dModel, nHeads, headDim, dFf }: ResolvedConfig): void {
  const sizes = { "vocabSize × dModel": vocabSize, "nHeads × headDim × dModel": nHeads * headDim, "dFf × dModel": dFf };
  for (const [name, rows] of Object.entries(sizes)) {
    if (rows * dModel > MAX_SIZE) {
      throw new ConfigError(
        `ModelConfig: ${name} must be at most ${MAX_SIZE}, the most numbers of a matrix, got ${rows} × ${dModel}`,
        { name, rows, dModel },
      );
    }
  }
}

/**
 * Throws a `ConfigError` if the table of positions would be too large. Not a part of `resolveConfig`: files may promise a
 * long context, and who loads them asks for a shorter one.
 */
export function checkPositions({ position, contextLength, headDim, dModel }: ResolvedConfig): void {
  const width = position === "rotary" ? headDim : dModel;
  const longest = Math.floor(MAX_POSITION_NUMBERS / width);
  if (contextLength <= longest) return;
  throw new ConfigError(
    `ModelConfig: contextLength ${contextLength} needs a table of ${position} positions beyond ${MAX_POSITION_NUMBERS} numbers; it may be at most ${longest}`,
    { contextLength, longest },
  );
}

/** Throws a `ConfigError` unless `value` is true or false. */
export function checkFlag(operation: string, name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new ConfigError(`${operation}: ${name} must be true or false, got ${describeValue(value)}`, { name, value });
}

/** Sizes and settings that a preset lets its caller replace. */
export type PresetOverrides = Partial<ModelConfig>;

/** A preset with what should differ; undefined counts as absent. */
function withOverrides(preset: ModelConfig, overrides: PresetOverrides): ModelConfig {
  checkOptions("presets", overrides, KEYS);
  return { ...preset, ...Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) };
}

/** Whole configs of two families; pass what should differ. */
export const presets: {
  gpt2(overrides?: PresetOverrides): ModelConfig;
  llama(overrides?: PresetOverrides): ModelConfig;
} = {
  /** GPT-2 (Radford et al. 2019): LayerNorm, tanh-GELU, learned positions, biases, tied head. Sizes of the 124M model. */
  gpt2: (overrides = {}) =>
    withOverrides(
      {
        vocabSize: 50_257,
        contextLength: 1024,
        dModel: 768,
        nLayers: 12,
        nHeads: 12,
        norm: "layerNorm",
        activation: "geluTanh",
        gated: false,
        position: "learned",
        bias: true,
        tieEmbeddings: true,
      },
      overrides,
    ),
  /** Llama (Touvron et al. 2023): RMSNorm, SwiGLU, rotary positions, no biases, untied head. Sizes of a 134M model with grouped heads. */
  llama: (overrides = {}) =>
    withOverrides(
      {
        vocabSize: 32_000,
        contextLength: 2048,
        dModel: 768,
        nLayers: 12,
        nHeads: 12,
        nKvHeads: overrides?.nHeads === undefined ? 4 : undefined,
        norm: "rmsNorm",
        activation: "silu",
        gated: true,
        position: "rotary",
        bias: false,
        tieEmbeddings: false,
      },
      overrides,
    ),
};
