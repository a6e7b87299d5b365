/**
 * The settings of GGUF metadata (ggml's docs/gguf.md, "Standardized key-value pairs"). Names are without the architecture's
 * own beginning: "block_count" stands for "llama.block_count".
 */
import type { ModelConfig, ResolvedConfig } from "../../model/config.ts";
import { rotaryFrequencies } from "../../ops/rope-scaling.ts";
import type { RopeScaling } from "../../ops/rope-scaling.ts";
import type { Fields } from "../fields.ts";
import type { FileTensors, Setting } from "./architecture.ts";
import { longRope } from "./rope-json.ts";
import { integer, layerFlags, number, refuse, unsupported } from "./settings.ts";

/** The tensor that holds a divisor for each rotary frequency. */
export const ROPE_FREQS = "rope_freqs.weight";

/** What all architectures have. Keys that change the arithmetic and that none of heed's architectures has are refused. */
export function ggufSizes(norm: "rms" | "layer"): Setting[] {
  return [
    {
      // A vocabulary may be padded beyond the tokenizer's; the embedding tells.
      read: (fields, _, tensors) => ({
        vocabSize: tensors.get("token_embd.weight")?.shape[0] ?? fields.integer("vocab_size"),
        tieEmbeddings: !tensors.has("output.weight"),
      }),
      write: ({ vocabSize }) => ({ vocab_size: vocabSize }),
    },
    integer("contextLength", "context_length"),
    integer("dModel", "embedding_length"),
    integer("nLayers", "block_count"),
    integer("dFf", "feed_forward_length"),
    integer("nHeads", "attention.head_count"),
    integer("nKvHeads", "attention.head_count_kv", ({ nHeads }) => nHeads),
    integer("headDim", "attention.key_length", null),
    {
      read(fields, known) {
        fields.refuse("attention.value_length", known.headDim);
        return {};
      },
      write: ({ headDim }) => ({ "attention.value_length": headDim }),
    },
    number("normEps", norm === "rms" ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 1e-5),
    refuse({
      expert_count: 0,
      logit_scale: undefined,
      residual_scale: undefined,
      embedding_scale: undefined,
      "attention.scale": undefined,
      "attention.causal": true,
      "attention.clamp_kqv": undefined,
      "attention.max_alibi_bias": 0,
      "attention.temperature_length": undefined,
      "attention.temperature_scale": undefined,
    }),
  ];
}

/** No layer may slide in architectures that have no settings for it. */
export const NO_WINDOW: Readonly<Record<string, undefined>> = { "attention.sliding_window": undefined };

/** @param partial whether only a part of each head may turn */
export function ggufRope({ partial = false }: { partial?: boolean } = {}): Setting {
  return {
    read(fields, known, tensors) {
      const headDim = known.headDim ?? (known.dModel ?? 0) / (known.nHeads ?? 1);
      const rotaryDim = fields.integer("rope.dimension_count", headDim);
      if (!partial) fields.refuse("rope.dimension_count", headDim);
      return {
        ropeTheta: fields.number("rope.freq_base", 10_000),
        ...(rotaryDim !== headDim && { rotaryDim }),
        ropeScaling: readScaling(fields, tensors, known.contextLength ?? 0),
      };
    },
    write: ({ rotaryDim, ropeTheta, ropeScaling }) => ({
      "rope.dimension_count": rotaryDim,
      "rope.freq_base": ropeTheta,
      ...writeScaling(ropeScaling),
    }),
  };
}

function readScaling(fields: Fields, tensors: FileTensors, contextLength: number): RopeScaling | null {
  const type = fields.value("rope.scaling.type") ?? "none";
  const attentionFactor = fields.number("rope.scaling.attn_factor", 1);
  const original = fields.integer("rope.scaling.original_context_length", contextLength);
  const [short, long] = ["short", "long"].map((name) => tensors.get(`rope_factors_${name}.weight`));
  if (short !== undefined && long !== undefined) {
    const scaling = longRope([...short.data], [...long.data], { attentionFactor, original, contextLength });
    if (scaling !== undefined) return scaling;
    throw unsupported(fields, "rope.scaling", "longrope", `equal lists of factors, or a context within ${original}`);
  }
  const freqs = tensors.get(ROPE_FREQS);
  if (freqs !== undefined && type === "none")
    return { type: "factors", factors: [...freqs.data], ...(attentionFactor !== 1 && { attentionFactor }) };
  fields.refuse("rope.scaling.attn_factor", 1);
  if (freqs !== undefined) throw unsupported(fields, "rope.scaling.type", type, `none beside ${ROPE_FREQS}`);
  const factor = fields.number("rope.scaling.factor", fields.number("rope.scale_linear", 1));
  switch (type) {
    case "none":
      fields.refuse("rope.scale_linear", 1);
      return null;
    case "linear":
      return factor === 1 ? null : { type: "linear", factor };
    case "yarn": {
      fields.refuse("rope.scaling.yarn_log_multiplier", 0);
      fields.refuse("rope.scaling.yarn_attn_factor", 1);
      fields.refuse("rope.scaling.yarn_ext_factor", 1);
      const beta = (name: string, fallback: number): number =>
        fields.number(`rope.scaling.yarn_beta_${name}`, fallback);
      const [betaFast, betaSlow] = [beta("fast", 32), beta("slow", 1)];
      return {
        ...{ type: "yarn" as const, factor, originalContextLength: original },
        ...(betaFast !== 32 && { betaFast }),
        ...(betaSlow !== 1 && { betaSlow }),
      };
    }
    default:
      throw unsupported(fields, "rope.scaling.type", type, "none, linear, yarn, longrope");
  }
}

function writeScaling(scaling: RopeScaling | null): Record<string, unknown> {
  switch (scaling?.type) {
    case "linear":
      return { "rope.scaling.type": "linear", "rope.scaling.factor": scaling.factor };
    case "yarn":
      return {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": scaling.factor,
        "rope.scaling.original_context_length": scaling.originalContextLength,
        ...(scaling.betaFast !== undefined && { "rope.scaling.yarn_beta_fast": scaling.betaFast }),
        ...(scaling.betaSlow !== undefined && { "rope.scaling.yarn_beta_slow": scaling.betaSlow }),
      };
    case "factors":
      return scaling.attentionFactor === undefined ? {} : { "rope.scaling.attn_factor": scaling.attentionFactor };
    default:
      return {};
  }
}

/**
 * The config as a GGUF file can say it: without what matters in training only, and what Llama 3.1 computes from four
 * numbers stands there as a list of divisors. The same arithmetic, but for the rounding of these to 32 bits.
 */
export function asInGGUF(trained: ResolvedConfig): ResolvedConfig {
  const config = { ...trained, dropout: 0 };
  const { ropeScaling: scaling, rotaryDim, ropeTheta } = config;
  if (scaling?.type !== "llama3") return config;
  const { frequencies } = rotaryFrequencies(rotaryDim, ropeTheta);
  const scaled = rotaryFrequencies(rotaryDim, ropeTheta, scaling).frequencies;
  const factors = Array.from(Float32Array.from(frequencies, (frequency, i) => frequency / scaled[i]));
  return { ...config, ropeScaling: { type: "factors", factors } };
}

/** Layers slide by a fixed pattern: all but every `pattern`th. */
export function ggufWindow(pattern: number, fallback: number | null): Setting {
  const every = (layer: number): boolean => layer % pattern < pattern - 1;
  return {
    read(fields, { nLayers = 0 }) {
      fields.refuse("attention.sliding_window_pattern", pattern);
      const slidingLayers = layerFlags(nLayers, every);
      const slidingWindow = fields.integer("attention.sliding_window", fallback ?? undefined);
      return slidingLayers?.some(Boolean) === false ? {} : { slidingWindow, slidingLayers };
    },
    write: ({ slidingWindow }) => (slidingWindow === null ? {} : { "attention.sliding_window": slidingWindow }),
  };
}

/** Factor on scores by the model's size, which GGUF files do not say: the greatest model of a family has its own. */
export function ggufScale(largest: number): Setting {
  return {
    read: (_, { nLayers, headDim, dModel = 0, nHeads = 1 }: Partial<ModelConfig>) => ({
      attentionScale: 1 / Math.sqrt(nLayers === largest || headDim === undefined ? dModel / nHeads : headDim),
    }),
    write: () => ({}),
  };
}
