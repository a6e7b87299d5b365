/**
 * One `ModelConfig` describes every decoder-only transformer heed builds. The defaults are the GPT-2 family; the Llama
 * family is the same machine with other settings.
 */
import { ConfigError, checkInteger, checkNumber, checkOptions, describeValue } from "../errors.ts";
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
  /** Whether linear layers and LayerNorm have biases. Default true. */
  bias?: boolean;
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
  "bias",
  "tieEmbeddings",
  "dropout",
];

const CHOICES = {
  norm: ["layerNorm", "rmsNorm"],
  activation: ["gelu", "geluTanh", "silu", "relu"],
  position: ["learned", "sinusoidal", "rotary"],
  rotaryPairing: ["halves", "pairs"],
} as const;

/** The most blocks that a model may have; the deepest published ones have some hundred. */
const MAX_LAYERS = 10_000;

/** Defaults of rotary positions. */
const ROTARY = { ropeTheta: 10_000, rotaryPairing: "halves" } as const;

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
  const { ropeTheta = ROTARY.ropeTheta, rotaryPairing = ROTARY.rotaryPairing } = given;
  if (given.position !== "rotary" && (ropeTheta !== ROTARY.ropeTheta || rotaryPairing !== ROTARY.rotaryPairing)) {
    throw new ConfigError(
      `ModelConfig: ropeTheta and rotaryPairing need position "rotary", got position "${given.position ?? "learned"}"`,
    );
  }
  const resolved: ResolvedConfig = {
    nKvHeads: given.nHeads,
    headDim: given.dModel / given.nHeads,
    dFf: given.gated ? Math.ceil((8 * given.dModel) / 3 / 4) * 4 : 4 * given.dModel,
    norm: "layerNorm",
    normEps: 1e-5,
    activation: "geluTanh",
    gated: false,
    position: "learned",
    ...ROTARY,
    bias: true,
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
  for (const name of ["gated", "bias", "tieEmbeddings"] as const) {
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
  if (config.position === "rotary" && headDim % 2 !== 0)
    throw new ConfigError(`ModelConfig: rotary positions need an even headDim, got ${headDim}`, { headDim });
  if (config.position === "sinusoidal" && dModel % 2 !== 0)
    throw new ConfigError(`ModelConfig: sinusoidal positions need an even dModel, got ${dModel}`, { dModel });
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
