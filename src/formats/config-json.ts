/**
 * config.json ↔ `ModelConfig`, by the table of architectures. A model that is exactly of a published family is written the
 * way Hugging Face writes those, every other combination of settings as model_type "heed" with the settings as they are.
 */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import { resolveConfig } from "../model/config.ts";
import type { ModelConfig, ResolvedConfig } from "../model/config.ts";
import type { Setting } from "./architectures/architecture.ts";
import { FAMILIES, architectureOf } from "./architectures/table.ts";
import type { Family } from "./architectures/table.ts";
import type { TensorArray } from "./architectures/tensor-rules.ts";
import { Fields } from "./fields.ts";

/** What config.json calls the model: a family of Hugging Face's, or heed's own format. */
export type ModelType = Family | "heed";

/** A model as its config.json describes it. */
export interface DescribedModel {
  readonly type: ModelType;
  readonly config: ResolvedConfig;
}

/** Fields of any config.json that mean other tensors, or another model. */
const REFUSED: Readonly<Record<string, boolean | undefined>> = {
  is_encoder_decoder: false,
  add_cross_attention: false,
};

/** Fields that transformers 5 takes as floats only: 30 is refused there, 30.0 is not. */
export const FLOAT_FIELDS: readonly string[] = [
  "attn_logit_softcapping",
  "final_logit_softcapping",
  "rms_norm_eps",
  "layer_norm_eps",
  "layer_norm_epsilon",
];

/**
 * Reads a config.json. Fields that change the arithmetic and that heed has no part for are refused, each by its name;
 * what else is there, such as sizes of the initial weights, is passed over.
 *
 * @throws FormatError for a model_type that heed does not know, a setting that it has no part for, or sizes that do not
 *   fit together
 */
export function readConfig(fields: Fields): DescribedModel {
  const type = fields.value("model_type");
  const supported = [...FAMILIES, "heed"].join(", ");
  if (type === undefined)
    throw new FormatError(
      `${fields.file}: has no model_type, so it does not describe a model; supported: ${supported}`,
      { file: fields.file },
    );
  if (type === "heed") return { type, config: readOwn(fields) };
  const family = FAMILIES.find((name) => name === type || architectureOf(name).huggingFace.inside?.type === type);
  if (family === undefined) {
    throw new FormatError(
      `${fields.file}: model_type ${describeValue(type)} is not supported; supported: ${supported}`,
      { file: fields.file, type },
    );
  }
  for (const [name, value] of Object.entries(REFUSED)) fields.refuse(name, value);
  refuseQuantized(fields);
  const { settings, inside } = architectureOf(family).huggingFace;
  return {
    type: family,
    config: readSettings(family === type ? fields : partOf(fields, inside?.part ?? ""), settings),
  };
}

/** Weights of bitsandbytes, GPTQ, AWQ, MLX …: each has a form of its own. */
function refuseQuantized(fields: Fields): void {
  for (const name of ["quantization_config", "quantization"]) {
    const how = fields.value(name);
    if (how === undefined) continue;
    const { quant_method: method } = how as { quant_method?: unknown };
    const named = method === undefined ? "" : ` (quant_method ${describeValue(method)})`;
    throw new FormatError(
      `${fields.where(name)} ${describeValue(how)} is not supported${named}; take the model with float weights, or as a GGUF file`,
      { file: fields.file, field: name, method },
    );
  }
}

/** The object in a field that describes the text model of a larger one. */
function partOf(fields: Fields, name: string): Fields {
  const value = fields.value(name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw fields.wrong(name, "an object", value);
  return new Fields(fields.file, value as Record<string, unknown>, `${name}.`);
}

/**
 * The config that a list of settings reads from fields.
 *
 * @param tensors those of the file, where settings depend on them
 * @throws FormatError for fields that are wrong, not supported or do not fit together
 */
export function readSettings(
  fields: Fields,
  settings: readonly Setting[],
  tensors: ReadonlyMap<string, TensorArray> = new Map(),
): ResolvedConfig {
  const known: Partial<ModelConfig> = {};
  for (const setting of settings) Object.assign(known, setting.read(fields, known, tensors));
  return resolved(fields, known);
}

/** `resolveConfig`, with errors that name the file. */
function resolved(fields: Fields, config: Partial<ModelConfig>): ResolvedConfig {
  try {
    return resolveConfig(config as ModelConfig);
  } catch (error) {
    if (error instanceof ConfigError)
      throw new FormatError(`${fields.file}: ${error.message}`, { file: fields.file, ...error.details });
    throw error;
  }
}

/** heed's own format: the settings as they are. `resolveConfig` checks each of them and refuses unknown ones. */
function readOwn(fields: Fields): ResolvedConfig {
  const { model_type: _, ...settings } = fields.values;
  return resolved(fields, settings);
}

/** The family that a config belongs to exactly, so that its files say all of it; "heed" if to none. */
export function modelTypeOf(config: ResolvedConfig): ModelType {
  const belongs = (family: Family): boolean => {
    const { settings } = architectureOf(family).huggingFace;
    return saysAll(config, () => readSettings(new Fields("config.json", writeSettings(config, settings)), settings));
  };
  return FAMILIES.find(belongs) ?? "heed";
}

/** Whether reading what was written gives the same config; no if it cannot be read at all. */
export function saysAll(config: ResolvedConfig, readBack: () => ResolvedConfig): boolean {
  try {
    const again = readBack();
    return (Object.keys(config) as (keyof ResolvedConfig)[]).every((key) => sameValue(config[key], again[key]));
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** Whether two settings have the same value; the order of fields counts for nothing. */
function sameValue(a: unknown, b: unknown): boolean {
  const text = (value: unknown): string =>
    JSON.stringify(
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value)
            .filter(([, item]) => item !== undefined)
            .sort(([one], [other]) => (one < other ? -1 : 1))
        : value,
    );
  return a === b || text(a) === text(b);
}

/** The fields that a list of settings writes. */
export function writeSettings(config: ResolvedConfig, settings: readonly Setting[]): Record<string, unknown> {
  return Object.assign({}, ...settings.map((setting) => setting.write(config))) as Record<string, unknown>;
}

/** A config as the content of a config.json; `readConfig` gives the same config back. */
export function writeConfig(config: ResolvedConfig): Record<string, unknown> {
  const type = modelTypeOf(config);
  if (type === "heed") return { model_type: type, ...config };
  const { className, settings } = architectureOf(type).huggingFace;
  return {
    model_type: type,
    architectures: [className],
    ...writeSettings(config, settings),
    torch_dtype: "float32",
  };
}
