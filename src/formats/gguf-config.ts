/** GGUF metadata ↔ `ModelConfig`, and a model's parameters under the names, and in the layout, of GGUF files. */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import type { ResolvedConfig } from "../model/config.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { asInGGUF } from "./architectures/gguf-settings.ts";
import { FAMILIES, architectureOf } from "./architectures/table.ts";
import { fromFile, toFile } from "./architectures/tensor-rules.ts";
import type { RowData, TensorArray, TensorNames } from "./architectures/tensor-rules.ts";
import { readSettings, saysAll, writeSettings } from "./config-json.ts";
import { Fields } from "./fields.ts";

/** A model as the metadata of a GGUF file describe it. */
export interface DescribedGGUF {
  /** The value of general.architecture. */
  readonly architecture: string;
  readonly config: ResolvedConfig;
}

/** One value of metadata with the type that readers expect of it. */
export interface GGUFField {
  readonly type: "string" | "uint32" | "float32" | "bool";
  readonly value: string | number | boolean;
}

type GGUFForm = NonNullable<Architecture["gguf"]>;

/** Keys whose values are 32-bit floats, also where these are whole. */
const FLOATS = /(epsilon|freq_base|freq_base_swa|factor|softcapping|beta_fast|beta_slow)$/;

/** Every architecture that GGUF files have a form for. */
export function ggufArchitectures(): string[] {
  return forms().map(({ architecture }) => architecture);
}

function forms(): GGUFForm[] {
  return FAMILIES.flatMap((family) => architectureOf(family).gguf ?? []);
}

function formOf(operation: string, architecture: string): GGUFForm {
  const form = forms().find((candidate) => candidate.architecture === architecture);
  if (form !== undefined) return form;
  throw new ConfigError(
    `${operation}: architecture must be one of ${ggufArchitectures().join(", ")}, got ${describeValue(architecture)}`,
    { architecture },
  );
}

/** What the GGUF files of an architecture call their tensors. Throws a ConfigError for an unknown one. */
export function ggufTensorNames(architecture: string): TensorNames {
  return formOf("ggufTensorNames", architecture).names;
}

/**
 * The model that a GGUF file holds. Settings that change the arithmetic and that heed has no part for are refused by name.
 *
 * ```ts
 * const { metadata } = readGGUFHeader(bytes);
 * readGGUFConfig(metadata, tensors).config.dModel; // 4096
 * ```
 *
 * @param metadata by key, such as "llama.block_count"
 * @param tensors of the file, by name; shapes tell the vocabulary, and the numbers of rope_freqs.weight are read
 * @param file its name, for messages
 * @throws FormatError for an architecture or a setting that heed does not know, or sizes that do not fit together
 */
export function readGGUFConfig(
  metadata: ReadonlyMap<string, unknown>,
  tensors: ReadonlyMap<string, TensorArray>,
  file: string = "GGUF file",
): DescribedGGUF {
  const architecture = metadata.get("general.architecture");
  const form = forms().find((candidate) => candidate.architecture === architecture);
  if (form === undefined) {
    throw new FormatError(
      `${file}: general.architecture ${describeValue(architecture)} is not supported; supported: ${ggufArchitectures().join(", ")}`,
      { file, architecture },
    );
  }
  const prefix = `${form.architecture}.`;
  const own = [...metadata].flatMap(([key, value]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), asWritten(value)]] : [],
  );
  const fields = new Fields(file, Object.fromEntries(own) as Record<string, unknown>, prefix);
  return { architecture: form.architecture, config: readSettings(fields, form.settings, tensors) };
}

/** Floats of 32 bits as somebody has written them: 1e-5 and not 0.000009999999747378752. */
function asWritten(value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/**
 * The hyper-parameters of a model as GGUF metadata, in the order of the file; the tokenizer's are not among them.
 *
 * @param architecture one that `ggufArchitectureOf` gives
 * @throws ConfigError if files of the architecture cannot say all of the config, or llama.cpp does not do what they say
 */
export function writeGGUFMetadata(architecture: string, config: ResolvedConfig): Map<string, GGUFField> {
  const form = formOf("writeGGUFMetadata", architecture);
  const said = asInGGUF(config);
  const metadata = metadataOf(form, said);
  const plain = new Map([...metadata].map(([key, { value }]) => [key, value]));
  const tensors = tensorsThatTell(form, said);
  if (isFaithful(form, said) && saysAll(said, () => readGGUFConfig(plain, tensors).config)) return metadata;
  throw new ConfigError(`writeGGUFMetadata: a GGUF file of architecture "${architecture}" cannot hold this model`, {
    architecture,
  });
}

/** Whether llama.cpp makes of it what is meant. It reads the borders of YaRN's ramp in none of these families. */
function isFaithful(form: GGUFForm, config: ResolvedConfig): boolean {
  const { ropeScaling: scaling } = config;
  const ownRamp = scaling?.type === "yarn" && (scaling.betaFast ?? scaling.betaSlow) !== undefined;
  return !ownRamp && form.isFaithful?.(config) !== false;
}

function metadataOf({ architecture, settings }: GGUFForm, config: ResolvedConfig): Map<string, GGUFField> {
  const metadata = new Map<string, GGUFField>([["general.architecture", { type: "string", value: architecture }]]);
  for (const [key, value] of Object.entries(writeSettings(config, settings))) {
    if (value !== null && value !== undefined)
      metadata.set(`${architecture}.${key}`, { type: typeOf(key, value), value: value as GGUFField["value"] });
  }
  return metadata;
}

function typeOf(key: string, value: unknown): GGUFField["type"] {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return FLOATS.test(key) ? "float32" : "uint32";
}

/** The tensors that settings depend on, as a file of this model has them. */
function tensorsThatTell(form: GGUFForm, config: ResolvedConfig): Map<string, TensorArray> {
  const { vocabSize, dModel, tieEmbeddings, qkvBias } = config;
  const embedding = { shape: [vocabSize, dModel], data: NO_NUMBERS };
  return new Map([
    ["token_embd.weight", embedding],
    ...(tieEmbeddings ? [] : [["output.weight", embedding] as const]),
    ...(qkvBias ? [["blk.0.attn_q.bias", embedding] as const] : []),
    ...ropeTensors(form, config),
  ]);
}

const NO_NUMBERS: Float32Array = /* @__PURE__ */ new Float32Array(0);

/** The architecture whose GGUF files can hold a model; undefined if there is none. */
export function ggufArchitectureOf(config: ResolvedConfig): string | undefined {
  return ggufArchitectures().find((architecture) => {
    try {
      return writeGGUFMetadata(architecture, config).size > 0;
    } catch (error) {
      if (error instanceof ConfigError) return false;
      throw error;
    }
  });
}

/**
 * Values under heed's parameter names as a GGUF file holds them, those of `ggufRopeTensors` apart.
 *
 * @returns values in the order given; `data` is computed each time it is read
 * @throws ConfigError for a name that the architecture does not have
 */
export function toGGUF<Data extends RowData>(
  { architecture, config }: DescribedGGUF,
  values: ReadonlyMap<string, TensorArray<Data>>,
): Map<string, TensorArray<Data>> {
  return toFile("toGGUF", formOf("toGGUF", architecture).names, config, values);
}

/** Tensors that a GGUF file needs for rotary positions beside the parameters: divisors of the frequencies. */
export function ggufRopeTensors({ architecture, config }: DescribedGGUF): Map<string, TensorArray> {
  return ropeTensors(formOf("ggufRopeTensors", architecture), asInGGUF(config));
}

function ropeTensors(form: GGUFForm, { ropeScaling }: ResolvedConfig): Map<string, TensorArray> {
  if (ropeScaling?.type !== "factors" || form.ropeTensors === undefined) return new Map();
  const { factors } = ropeScaling;
  const value = { shape: [factors.length], data: Float32Array.from(factors) };
  return new Map(form.ropeTensors.map((name) => [name, value]));
}

/**
 * Tensors of a GGUF file under heed's parameter names. Rows are moved and never looked into, so that quantised ones pass as
 * they are: give their bytes as `data`. Only Gemma's norms must be given as 32-bit floats, which they are in every file.
 *
 * @param file its name, for messages
 * @throws FormatError naming the tensors that the architecture does not have
 */
export function fromGGUF<Data extends RowData>(
  { architecture, config }: DescribedGGUF,
  values: ReadonlyMap<string, TensorArray<Data>>,
  file: string = "GGUF file",
): Map<string, TensorArray<Data>> {
  return fromFile(file, formOf("fromGGUF", architecture).names, config, values);
}
