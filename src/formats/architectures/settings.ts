/** The settings that most architectures are put together from. They read a field, check its kind and write it back. */
import { FormatError, describeValue } from "../../errors.ts";
import type { Activation, ModelConfig, ResolvedConfig } from "../../model/config.ts";
import type { Fields } from "../fields.ts";
import type { Setting } from "./architecture.ts";

/** Names of the settings that hold values of a type. */
type Keys<T> = { [K in keyof ModelConfig]-?: ResolvedConfig[K] extends T ? K : never }[keyof ModelConfig];

/** What a setting is if the file does not say: absent, the field is required; null, `resolveConfig` fills it in. */
type Fallback<T> = T | null | ((known: Partial<ModelConfig>) => T | undefined);

/** A setting under one name in the file. */
function field<T>(
  ours: keyof ModelConfig,
  theirs: string,
  fallback: Fallback<T> | undefined,
  read: (fields: Fields, fallback: T | undefined) => T,
): Setting {
  return {
    read(fields, known) {
      if (fallback === null && fields.value(theirs) === undefined) return {};
      const value = typeof fallback === "function" ? (fallback as (known: object) => T | undefined)(known) : fallback;
      return { [ours]: read(fields, value ?? undefined) };
    },
    write: (config) => ({ [theirs]: config[ours] }),
  };
}

/** A whole number. */
export function integer(ours: Keys<number>, theirs: string, fallback?: Fallback<number>): Setting {
  return field(ours, theirs, fallback, (fields, otherwise) => fields.integer(theirs, otherwise));
}

/** A number. */
export function number(ours: Keys<number>, theirs: string, fallback?: Fallback<number>): Setting {
  return field(ours, theirs, fallback, (fields, otherwise) => fields.number(theirs, otherwise));
}

/** A number or null for "not at all", which differs from a field that is absent. */
export function nullable(ours: Keys<number | null>, theirs: string, fallback: number | null): Setting {
  return field(ours, theirs, undefined, (fields) =>
    fields.has(theirs) && fields.value(theirs) === undefined ? null : numberOrNull(fields, theirs, fallback),
  );
}

function numberOrNull(fields: Fields, name: string, fallback: number | null): number | null {
  return fields.value(name) === undefined ? fallback : fields.number(name);
}

/** True or false. */
export function flag(ours: Keys<boolean>, theirs: string, fallback: boolean): Setting {
  return field(ours, theirs, fallback, (fields) => fields.boolean(theirs, fallback));
}

/** What every model of the family has; no field says it. */
export function constant(
  settings: Partial<ModelConfig> | ((known: Partial<ModelConfig>) => Partial<ModelConfig>),
): Setting {
  return {
    read: (_, known) => (typeof settings === "function" ? settings(known) : settings),
    write: () => ({}),
  };
}

/** Fields that change the arithmetic, with the only value that heed computes; any other is refused. Written, too. */
export function only(values: Readonly<Record<string, string | number | boolean>>): Setting {
  return { read: refuse(values).read, write: () => values };
}

/** The same, but not written; undefined means that the field must be absent or null. */
export function refuse(values: Readonly<Record<string, string | number | boolean | undefined>>): Setting {
  return {
    read(fields) {
      for (const [name, value] of Object.entries(values)) fields.refuse(name, value);
      return {};
    },
    write: () => ({}),
  };
}

/** Hugging Face's names of activations. The three of tanh-GELU are the same function. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = /* @__PURE__ */ new Map([
  ["gelu", "gelu"],
  ["gelu_new", "geluTanh"],
  ["gelu_pytorch_tanh", "geluTanh"],
  ["gelu_fast", "geluTanh"],
  ["silu", "silu"],
  ["swish", "silu"],
  ["relu", "relu"],
]);

/** The activation in a config.json. @param tanh what this family calls the tanh-GELU */
export function activation(theirs: string, fallback: Activation, tanh: string = "gelu_pytorch_tanh"): Setting {
  return {
    read: (fields) => ({ activation: fields.choice(theirs, ACTIVATIONS, fallback) }),
    write: (config) => ({ [theirs]: config.activation === "geluTanh" ? tanh : config.activation }),
  };
}

/** heed drops activations after the embedding and after each branch; families without a field for it get one of this name. */
export function dropout(theirs: string = "resid_pdrop"): Setting {
  return {
    read: (fields) => ({ dropout: fields.number(theirs, 0) }),
    write: (config) => (config.dropout > 0 ? { [theirs]: config.dropout } : {}),
  };
}

/** Sizes that a family's files may leave out. */
export type SizeFallbacks = Partial<Record<"vocabSize" | "contextLength" | "nHeads" | "nKvHeads", number>>;

/** The sizes that Llama's config.json and most since have under these names. */
export function commonSizes(fallbacks: SizeFallbacks = {}): Setting[] {
  return [
    integer("vocabSize", "vocab_size", fallbacks.vocabSize),
    integer("contextLength", "max_position_embeddings", fallbacks.contextLength),
    integer("dModel", "hidden_size"),
    integer("nLayers", "num_hidden_layers"),
    integer("nHeads", "num_attention_heads", fallbacks.nHeads),
    integer("dFf", "intermediate_size"),
  ];
}

/** What a block of Llama is, and of all that follow it: RMSNorm, a gate, rotary positions, no biases. */
export const LLAMA_BLOCK: Partial<ModelConfig> = {
  norm: "rmsNorm",
  gated: true,
  position: "rotary",
  rotaryPairing: "halves",
  bias: false,
};

/** The settings of a Llama-like config.json that all of them have, rotary positions apart. */
export function llamaSettings({
  headDim = null,
  eps = 1e-6,
  tied = false,
  sizes = {},
}: { headDim?: Fallback<number>; eps?: number; tied?: boolean; sizes?: SizeFallbacks } = {}): Setting[] {
  return [
    ...commonSizes(sizes),
    integer("nKvHeads", "num_key_value_heads", ({ nHeads }) => sizes.nKvHeads ?? nHeads),
    integer("headDim", "head_dim", headDim),
    number("normEps", "rms_norm_eps", eps),
    flag("tieEmbeddings", "tie_word_embeddings", tied),
    constant(LLAMA_BLOCK),
    dropout(),
  ];
}

/** A factor on scores, told as the number whose root divides them. */
export function scoreDivisor(theirs: string, fallback: number): Setting {
  return {
    read: (fields) => ({ attentionScale: 1 / Math.sqrt(fields.number(theirs, fallback)) }),
    write({ attentionScale }) {
      const divisor = 1 / attentionScale ** 2;
      const whole = Math.round(divisor);
      return { [theirs]: 1 / Math.sqrt(whole) === attentionScale ? whole : divisor };
    },
  };
}

/** Which layers do something: one entry for each, or null if all do. */
export function layerFlags(nLayers: number, does: (layer: number) => boolean): boolean[] | null {
  const flags = Array.from({ length: checkedLayers(nLayers) }, (_, layer) => does(layer));
  return flags.every(Boolean) ? null : flags;
}

/** A number of layers that a file gives must not size a list before `resolveConfig` has seen it. */
function checkedLayers(nLayers: number): number {
  return nLayers >= 1 && nLayers <= 10_000 ? nLayers : 0;
}

/** A list of a file, of at most as many entries as a model may have layers. */
export function readList(fields: Fields, name: string): readonly unknown[] | undefined {
  const value = fields.value(name);
  if (value !== undefined && !Array.isArray(value)) throw fields.wrong(name, "a list", value);
  return value;
}

/** The error for a value that is known but not supported. */
export function unsupported(fields: Fields, name: string, value: unknown, supported: string): FormatError {
  return new FormatError(`${fields.where(name)} ${describeValue(value)} is not supported; supported: ${supported}`, {
    file: fields.file,
    field: name,
    value,
  });
}
