/**
 * Rotary positions in config.json. transformers 4 writes rope_theta beside an object rope_scaling, transformers 5 puts
 * everything into rope_parameters; both are read, and the older form, which both versions understand, is written.
 */
import { log } from "../../backend/math.ts";
import { FormatError, describeValue } from "../../errors.ts";
import type { ResolvedConfig } from "../../model/config.ts";
import type { RopeScaling } from "../../ops/rope-scaling.ts";
import { Fields } from "../fields.ts";
import type { Setting } from "./architecture.ts";
import { readList, unsupported } from "./settings.ts";

/** How a family names its rotary settings. */
interface RopeForm {
  /** The base's name and its value if no field says it. Default rope_theta, 10,000. */
  readonly theta?: string;
  readonly fallback?: number;
  /** The share of each head that turns: its name and its value if no field says it. Default: the whole head turns. */
  readonly partial?: { readonly name: string; readonly fallback: number };
}

const SCALING = "rope_scaling";
const PARAMETERS = "rope_parameters";
const TYPES = "default, linear, dynamic, llama3, yarn, longrope";

/** Base, share and scaling of rotary positions; the same in all layers. */
export function rope({ theta = "rope_theta", fallback = 10_000, partial }: RopeForm = {}): Setting {
  return {
    read(fields, known) {
      const scaling = part(fields, PARAMETERS) ?? part(fields, SCALING) ?? new Fields(fields.file, {});
      const share = readShare(fields, scaling, partial);
      const headDim = known.headDim ?? (known.dModel ?? 0) / (known.nHeads ?? 1);
      const rotaryDim = Math.trunc(headDim * share); // as transformers rounds it
      return {
        ropeTheta: scaling.number("rope_theta", fields.number(theta, fallback)),
        ...(share !== 1 && { rotaryDim }),
        ropeScaling: readScaling(fields, scaling, known.contextLength ?? 0),
      };
    },
    write: (config) => ({
      [theta]: config.ropeTheta,
      ...(partial !== undefined && { [partial.name]: writeShare(config) }),
      ...writeScaling(config),
    }),
  };
}

/** Gemma 3: one base, with the scaling, in layers that see everything, another one without any in those that slide. */
export function ropeByLayerType(): Setting {
  const full = rope({ fallback: 1_000_000 });
  return {
    read(fields, known, tensors) {
      const nested = part(fields, PARAMETERS);
      const inFull = nested === undefined ? undefined : part(nested, "full_attention");
      const inSliding = nested === undefined ? undefined : part(nested, "sliding_attention");
      inSliding?.refuse("rope_type", "default");
      const local = fields.number("rope_local_base_freq", 10_000);
      const own = inFull === undefined ? fields : fields.with({ [PARAMETERS]: inFull.values });
      return {
        ...full.read(own, known, tensors),
        ...(known.slidingWindow != null && { slidingRopeTheta: inSliding?.number("rope_theta", local) ?? local }),
      };
    },
    write: (config) => ({
      ...full.write(config),
      rope_local_base_freq: config.slidingRopeTheta ?? config.ropeTheta,
    }),
  };
}

/** The object of a field; undefined if it is absent. */
function part(fields: Fields, name: string): Fields | undefined {
  const value = fields.value(name);
  if (value === undefined) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw fields.wrong(name, "an object or null", value);
  return new Fields(fields.file, value as Record<string, unknown>, `${fields.prefix}${name}.`);
}

function readShare(fields: Fields, scaling: Fields, partial: RopeForm["partial"]): number {
  const named = partial === undefined ? 1 : fields.number(partial.name, partial.fallback);
  const share = scaling.number("partial_rotary_factor", fields.number("partial_rotary_factor", named));
  if (partial === undefined && share !== 1)
    throw unsupported(fields, "partial_rotary_factor", share, "1, the whole of each head");
  return share;
}

/** The share as a number that `Math.trunc(headDim * share)` gives the rotaryDim for. */
function writeShare({ rotaryDim, headDim }: ResolvedConfig): number {
  const share = rotaryDim / headDim;
  return Math.trunc(headDim * share) === rotaryDim ? share : (rotaryDim + 0.5) / headDim;
}

function readScaling(fields: Fields, scaling: Fields, contextLength: number): RopeScaling | null {
  const named = scaling.value("rope_type") ?? scaling.value("type") ?? "default";
  // LongRoPE's first names, the second one in Phi-3's files only.
  const type = named === "su" || (named === "yarn" && scaling.has("short_factor")) ? "longrope" : named;
  const original = (fallback?: number): number => {
    const name = "original_max_position_embeddings";
    return fields.integer(name, scaling.integer(name, fallback));
  };
  switch (type) {
    case "default":
      return null;
    case "linear":
      return { type: "linear", factor: scaling.number("factor") };
    case "dynamic":
      return { type: "dynamic", factor: scaling.number("factor"), originalContextLength: contextLength };
    case "llama3":
      return {
        type: "llama3",
        factor: scaling.number("factor"),
        originalContextLength: original(contextLength),
        lowFreqFactor: scaling.number("low_freq_factor"),
        highFreqFactor: scaling.number("high_freq_factor"),
      };
    case "yarn":
      // Without a factor, what it is can be told from the original context.
      return readYarn(scaling, original(scaling.has("factor") ? contextLength : undefined), contextLength);
    case "longrope":
      return readLongRope(scaling, original(contextLength), contextLength);
    default:
      throw new FormatError(
        `${fields.file}: ${scaling.prefix.slice(0, -1)} of type ${describeValue(type)} is not supported; supported: ${TYPES}`,
        { file: fields.file, field: scaling.prefix.slice(0, -1), value: type },
      );
  }
}

function readYarn(scaling: Fields, original: number, contextLength: number): RopeScaling {
  scaling.refuse("truncate", true);
  const factor = scaling.number("factor", contextLength / original);
  const optional = (name: string): number | undefined =>
    scaling.value(name) === undefined ? undefined : scaling.number(name);
  const [mscale, mscaleAll] = [optional("mscale"), optional("mscale_all_dim")];
  // DeepSeek's way of saying the attention factor.
  const stretch = (m: number): number => (factor <= 1 ? 1 : 0.1 * m * log(factor) + 1);
  const ratio = mscale && mscaleAll ? stretch(mscale) / stretch(mscaleAll) : undefined;
  return given({
    type: "yarn",
    factor,
    originalContextLength: original,
    betaFast: optional("beta_fast"),
    betaSlow: optional("beta_slow"),
    attentionFactor: optional("attention_factor") ?? ratio,
  });
}

/** A scaling without the fields that are undefined. */
function given(scaling: RopeScaling): RopeScaling {
  return Object.fromEntries(Object.entries(scaling).filter(([, value]) => value !== undefined)) as RopeScaling;
}

function readLongRope(scaling: Fields, original: number, contextLength: number): RopeScaling {
  const list = (name: string): readonly number[] => {
    const items = readList(scaling, name);
    if (items === undefined) throw scaling.wrong(name, "a list of numbers", items);
    return items as readonly number[]; // resolveConfig checks each
  };
  const stretch = scaling.number("factor", contextLength / original);
  const attentionFactor = scaling.number("attention_factor", longRopeAttention(stretch, original));
  return (
    longRope(list("short_factor"), list("long_factor"), { attentionFactor, original, contextLength }) ??
    refuseLongRope(scaling, original, contextLength)
  );
}

/** LongRoPE's factor on cos and sin for a context stretched so much (Ding et al. 2024, §4). */
function longRopeAttention(stretch: number, original: number): number {
  return stretch > 1 ? Math.sqrt(1 + log(stretch) / log(original)) : 1;
}

/**
 * LongRoPE has one list of factors for texts within the original context and another for longer ones. heed has one for
 * all, so this is exact only where just one of the two is ever used; else undefined.
 */
export function longRope(
  short: readonly number[],
  long: readonly number[],
  { attentionFactor, original, contextLength }: { attentionFactor: number; original: number; contextLength: number },
): RopeScaling | undefined {
  const same = short.length === long.length && short.every((factor, i) => factor === long[i]);
  if (contextLength > original && !same) return undefined;
  return { type: "factors", factors: [...short], ...(attentionFactor !== 1 && { attentionFactor }) };
}

function refuseLongRope(scaling: Fields, original: number, contextLength: number): never {
  throw new FormatError(
    `${scaling.file}: ${scaling.prefix.slice(0, -1)} of type "longrope" is not supported where the factors change with the length of the text; supported: equal lists, or a context of at most the original ${original} tokens, got ${contextLength}`,
    { file: scaling.file, field: scaling.prefix.slice(0, -1), original, contextLength },
  );
}

function writeScaling({ ropeScaling: scaling, contextLength }: ResolvedConfig): Record<string, unknown> {
  if (scaling === null) return {};
  const fields = scalingFields(scaling);
  if (scaling.type !== "factors") return { [SCALING]: fields };
  return { [SCALING]: fields, original_max_position_embeddings: contextLength };
}

function scalingFields(scaling: RopeScaling): Record<string, unknown> {
  switch (scaling.type) {
    case "linear":
    case "dynamic":
      return { rope_type: scaling.type, factor: scaling.factor };
    case "llama3":
      return {
        rope_type: scaling.type,
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalContextLength,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
      };
    case "yarn":
      return {
        rope_type: scaling.type,
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalContextLength,
        ...(scaling.betaFast !== undefined && { beta_fast: scaling.betaFast }),
        ...(scaling.betaSlow !== undefined && { beta_slow: scaling.betaSlow }),
        ...(scaling.attentionFactor !== undefined && { attention_factor: scaling.attentionFactor }),
      };
    case "factors":
      return {
        rope_type: "longrope",
        short_factor: scaling.factors,
        long_factor: scaling.factors,
        attention_factor: scaling.attentionFactor ?? 1,
      };
  }
}
