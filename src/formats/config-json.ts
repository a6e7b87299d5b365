/**
 * config.json ↔ `ModelConfig`. Models that are exactly of the GPT-2 or the Llama family are written the way Hugging Face
 * writes them, every other combination of settings as model_type "heed" with the settings as they are.
 */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import { resolveConfig } from "../model/config.ts";
import type { Activation, ModelConfig, ResolvedConfig } from "../model/config.ts";
import type { Fields } from "./fields.ts";
import type { Family } from "./names.ts";

/** What config.json calls the model: a family of Hugging Face's, or heed's own format. */
export type ModelType = Family | "heed";

/** A model as its config.json describes it. */
export interface DescribedModel {
  readonly type: ModelType;
  readonly config: ResolvedConfig;
}

/** Hugging Face's names of activations. The three of tanh-GELU are the same function. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ["gelu", "gelu"],
  ["gelu_new", "geluTanh"],
  ["gelu_pytorch_tanh", "geluTanh"],
  ["gelu_fast", "geluTanh"],
  ["silu", "silu"],
  ["swish", "silu"],
  ["relu", "relu"],
]);

/**
 * Reads a config.json.
 *
 * @throws FormatError for a model_type that heed does not know, a setting that it has no part for, or sizes that do not
 *   fit together
 */
export function readConfig(fields: Fields): DescribedModel {
  const type = fields.value("model_type");
  if (type === undefined)
    throw new FormatError(
      `${fields.file}: has no model_type, so it does not describe a model; supported: ${Object.keys(READERS).join(", ")}`,
      { file: fields.file },
    );
  if (typeof type !== "string" || !Object.hasOwn(READERS, type)) {
    throw new FormatError(
      `${fields.file}: model_type ${describeValue(type)} is not supported; supported: ${Object.keys(READERS).join(", ")}`,
      { file: fields.file, type },
    );
  }
  const config = READERS[type as ModelType](fields);
  try {
    return { type: type as ModelType, config: resolveConfig(config) };
  } catch (error) {
    if (error instanceof ConfigError)
      throw new FormatError(`${fields.file}: ${error.message}`, { file: fields.file, ...error.details });
    throw error;
  }
}

const READERS: Readonly<Record<ModelType, (fields: Fields) => ModelConfig>> = {
  gpt2: readGPT2,
  llama: readLlama,
  heed: readOwn,
};

function readGPT2(fields: Fields): ModelConfig {
  fields.refuse("scale_attn_weights", true);
  fields.refuse("scale_attn_by_inverse_layer_idx", false);
  fields.refuse("add_cross_attention", false);
  const dModel = fields.integer("n_embd");
  return {
    vocabSize: fields.integer("vocab_size"),
    contextLength: fields.integer("n_positions", fields.value("n_ctx") as number | undefined),
    dModel,
    nLayers: fields.integer("n_layer"),
    nHeads: fields.integer("n_head"),
    dFf: fields.integer("n_inner", 4 * dModel),
    normEps: fields.number("layer_norm_epsilon", 1e-5),
    activation: fields.choice("activation_function", ACTIVATIONS, "geluTanh"),
    tieEmbeddings: fields.boolean("tie_word_embeddings", true),
    // heed drops activations where GPT-2's resid_pdrop and embd_pdrop do. Files that name neither were not trained with it.
    dropout: fields.number("resid_pdrop", fields.number("embd_pdrop", 0)),
  };
}

function readLlama(fields: Fields): ModelConfig {
  for (const name of ["attention_bias", "mlp_bias"]) fields.refuse(name, false);
  const dModel = fields.integer("hidden_size");
  const nHeads = fields.integer("num_attention_heads");
  return {
    vocabSize: fields.integer("vocab_size"),
    contextLength: fields.integer("max_position_embeddings"),
    dModel,
    nLayers: fields.integer("num_hidden_layers"),
    nHeads,
    nKvHeads: fields.integer("num_key_value_heads", nHeads),
    headDim: fields.value("head_dim") === undefined ? undefined : fields.integer("head_dim"),
    dFf: fields.integer("intermediate_size"),
    norm: "rmsNorm",
    normEps: fields.number("rms_norm_eps", 1e-6),
    activation: fields.choice("hidden_act", ACTIVATIONS, "silu"),
    gated: true,
    position: "rotary",
    ropeTheta: readRopeTheta(fields),
    rotaryPairing: "halves",
    bias: false,
    tieEmbeddings: fields.boolean("tie_word_embeddings", false),
    dropout: fields.number("resid_pdrop", 0), // not one of Llama's settings; heed keeps its own dropout there
  };
}

/** rope_theta stands by itself or, since transformers 5, in rope_parameters. Stretched positions (rope_type) are not supported. */
function readRopeTheta(fields: Fields): number {
  let theta = fields.number("rope_theta", 10_000);
  for (const name of ["rope_scaling", "rope_parameters"]) {
    const value = fields.value(name);
    if (value === undefined) continue;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw fields.wrong(name, "an object or null", value);
    const { rope_type, type, rope_theta } = value as Record<string, unknown>;
    const kind = rope_type ?? type ?? "default";
    if (kind !== "default")
      throw new FormatError(`${fields.file}: ${name} of type ${describeValue(kind)} is not supported`, {
        file: fields.file,
        field: name,
      });
    if (rope_theta !== undefined && typeof rope_theta !== "number")
      throw fields.wrong(`${name}.rope_theta`, "a number", rope_theta);
    theta = rope_theta ?? theta;
  }
  return theta;
}

/** heed's own format: the settings as they are. `resolveConfig` checks each of them and refuses unknown ones. */
function readOwn(fields: Fields): ModelConfig {
  const { model_type: _, ...settings } = fields.values;
  return settings as unknown as ModelConfig;
}

/** The family that a config belongs to exactly; "heed" if to none. */
export function modelTypeOf(config: ResolvedConfig): ModelType {
  const { nHeads, nKvHeads, headDim, dModel, norm, position, rotaryPairing, gated, bias } = config;
  if (
    position === "learned" &&
    norm === "layerNorm" &&
    bias &&
    !gated &&
    nKvHeads === nHeads &&
    headDim * nHeads === dModel
  )
    return "gpt2";
  if (position === "rotary" && rotaryPairing === "halves" && norm === "rmsNorm" && gated && !bias) return "llama";
  return "heed";
}

/** A config as the content of a config.json; `readConfig` gives the same config back. */
export function writeConfig(config: ResolvedConfig): Record<string, unknown> {
  const type = modelTypeOf(config);
  return { model_type: type, ...WRITERS[type](config) };
}

const WRITERS: Readonly<Record<ModelType, (config: ResolvedConfig) => Record<string, unknown>>> = {
  gpt2: writeGPT2,
  llama: writeLlama,
  heed: writeOwn,
};

function writeGPT2(config: ResolvedConfig): Record<string, unknown> {
  return {
    architectures: ["GPT2LMHeadModel"],
    vocab_size: config.vocabSize,
    n_positions: config.contextLength,
    n_embd: config.dModel,
    n_layer: config.nLayers,
    n_head: config.nHeads,
    n_inner: config.dFf === 4 * config.dModel ? null : config.dFf,
    activation_function: config.activation === "geluTanh" ? "gelu_new" : config.activation,
    layer_norm_epsilon: config.normEps,
    tie_word_embeddings: config.tieEmbeddings,
    embd_pdrop: config.dropout,
    resid_pdrop: config.dropout,
    attn_pdrop: 0, // heed drops no attention weights
    torch_dtype: "float32",
  };
}

function writeLlama(config: ResolvedConfig): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    hidden_size: config.dModel,
    num_hidden_layers: config.nLayers,
    num_attention_heads: config.nHeads,
    num_key_value_heads: config.nKvHeads,
    head_dim: config.headDim,
    intermediate_size: config.dFf,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    hidden_act: config.activation === "geluTanh" ? "gelu_pytorch_tanh" : config.activation,
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: config.tieEmbeddings,
    ...(config.dropout > 0 && { resid_pdrop: config.dropout }),
    torch_dtype: "float32",
  };
}

function writeOwn({ ropeTheta, rotaryPairing, ...config }: ResolvedConfig): Record<string, unknown> {
  return config.position === "rotary" ? { ...config, ropeTheta, rotaryPairing } : config;
}
