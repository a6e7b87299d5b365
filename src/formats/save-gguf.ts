/** A model as one GGUF file, which llama.cpp and what is built on it run: config, tokenizer and weights. */
import { ConfigError } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { resolveConfig } from "../model/config.ts";
import type { ModelConfig, ResolvedConfig } from "../model/config.ts";
import type { Transformer } from "../model/transformer.ts";
import type { Parameter } from "../nn/module.ts";
import { sizeOf } from "../tensor/shape.ts";
import { tokenizerToGGUF } from "../tokenizer/tokenizer-to-gguf.ts";
import { HEAD } from "./architectures/tensor-rules.ts";
import { ggufArchitectureOf, ggufArchitectures, ggufRopeTensors, toGGUF, writeGGUFMetadata } from "./gguf-config.ts";
import { ggufParts } from "./gguf-writer.ts";
import type { GGUFEntry, GGUFTensor } from "./gguf-writer.ts";
import { mergeGenerationDefaults, tokenizerDefaults } from "./generation-json.ts";
import { bytesOf } from "./parts.ts";
import type { FilePart } from "./parts.ts";
import { ggufTypes, savedValues } from "./saved-values.ts";
import type { WeightType } from "./weights.ts";

/** llama.cpp's numbers for files by the type of most of their numbers (llama.h, enum llama_ftype). */
const FILE_TYPE_NUMBERS: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7, BF16: 32 };

/** Version of the blocks (ggml.h, GGML_QNT_VERSION). */
const QUANTIZATION_VERSION = 2;

/**
 * The parts of the GGUF file of a model.
 *
 * @param name of the model, which programs show
 * @param asked the type of the matrices; undefined for those in which they are held
 * @throws ConfigError if there is no form for the model or for its tokenizer
 */
export function modelAsGGUF(
  operation: string,
  lm: LanguageModel,
  name: string,
  asked: WeightType | undefined,
): FilePart[] {
  const { config, parameters } = withHead(lm.model);
  const architecture = ggufArchitectureOf(config);
  if (architecture === undefined) throw noForm(operation, config);
  const values = toGGUF({ architecture, config }, savedValues(parameters, ggufTypes(asked)));
  const tensors = new Map<string, GGUFTensor>();
  for (const [theirs, value] of [...values, ...ggufRopeTensors({ architecture, config })]) {
    const tensor: GGUFTensor = {
      shape: value.shape,
      type: String(value.dtype ?? "F32"),
      get bytes() {
        return bytesOf(value.data);
      },
    };
    tensors.set(theirs, tensor);
  }
  const metadata = new Map<string, GGUFEntry>([
    ...writeGGUFMetadata(architecture, config),
    // llama.cpp looks for tokens of Phi-3 in whatever has its name.
    ...(/phi-?3/i.test(name) ? [] : [["general.name", name] as const]),
    ["general.file_type", fileType(tensors)],
    ["general.quantization_version", QUANTIZATION_VERSION],
    ...tokenizerMetadata(operation, lm),
  ]);
  return ggufParts(operation, metadata, tensors);
}

/** A model with a head of its own where its family has no other form: the shared matrix is then in the file twice. */
function withHead(model: Transformer): { config: ResolvedConfig; parameters: ReadonlyMap<string, Parameter> } {
  const { config, tokenEmbedding } = model;
  const parameters = model.parameters();
  const untied = { ...config, tieEmbeddings: false };
  if (!config.tieEmbeddings || ggufArchitectureOf(config) !== undefined || ggufArchitectureOf(untied) === undefined)
    return { config, parameters };
  return { config: untied, parameters: new Map(parameters).set(HEAD, tokenEmbedding.weight) };
}

/** The number for the type that most numbers have. */
function fileType(tensors: ReadonlyMap<string, GGUFTensor>): number {
  const counts = new Map<string, number>();
  for (const { type, shape } of tensors.values()) counts.set(type, (counts.get(type) ?? 0) + sizeOf(shape));
  const [[most]] = [...counts].sort((a, b) => b[1] - a[1]);
  return FILE_TYPE_NUMBERS[most];
}

/** Keys for the ids that end a text: llama.cpp heeds three. */
const END_KEYS = ["eos", "eot", "eom"];

function tokenizerMetadata(
  operation: string,
  { model, tokenizer, generationDefaults = {} }: LanguageModel,
): Map<string, GGUFEntry> {
  const { bosId, eosIds, padId } = mergeGenerationDefaults(generationDefaults, tokenizerDefaults(tokenizer));
  if (eosIds !== undefined && (eosIds.length === 0 || eosIds.length > END_KEYS.length))
    throw new ConfigError(
      `${operation}: a GGUF file names one to ${END_KEYS.length} ids that end a text, generationDefaults.eosIds has ${eosIds.length}; a folder keeps any number`,
      { eosIds },
    );
  const key = "tokenizer.ggml.";
  const { vocabSize } = model.config;
  const found: Map<string, GGUFEntry> =
    tokenizer === undefined
      ? new Map([[`${key}model`, "none"]])
      : new Map(tokenizerToGGUF(tokenizer, { vocabSize, padId }));
  const set = (name: string, id: number | undefined): void => {
    if (id !== undefined) found.set(`${key}${name}_token_id`, id);
  };
  set("bos", bosId);
  set("padding", padId);
  // The tokenizer's own comes first, where it is one of them.
  const own = tokenizer?.eosId;
  const ends =
    own !== undefined && eosIds?.includes(own) ? [own, ...eosIds.filter((id) => id !== own)] : (eosIds ?? []);
  END_KEYS.forEach((name, i) => set(name, ends[i]));
  return found;
}

/** The error for a model without a form, with the settings that are in the way where one alone is. */
function noForm(operation: string, config: ResolvedConfig): ConfigError {
  const { vocabSize, contextLength, dModel, nLayers, nHeads } = config;
  const plain: ModelConfig = { vocabSize, contextLength, dModel, nLayers, nHeads };
  const usual = [
    resolveConfig(plain),
    resolveConfig({ ...plain, norm: "rmsNorm", activation: "silu", gated: true, position: "rotary", bias: false }),
  ];
  const keys = (Object.keys(config) as (keyof ResolvedConfig)[]).filter((key) =>
    usual.some((other) => other[key] !== config[key] && fits({ ...config, [key]: other[key] })),
  );
  const why = keys.map((key) => `${key} ${JSON.stringify(config[key])}`).join(", ");
  return new ConfigError(
    `${operation}: no architecture of GGUF files has the settings of this model${why && `, for its ${why}`}; known: ${ggufArchitectures().join(", ")}; save it to a folder, which holds every model`,
    { settings: keys },
  );
}

function fits(config: ResolvedConfig): boolean {
  try {
    return ggufArchitectureOf(resolveConfig(config)) !== undefined;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
