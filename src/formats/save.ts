/** Writing a model the way Hugging Face's tools, llama.cpp and `loadModel` read it. */
import { ConfigError, checkOptions, describeValue, throwIfAborted } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { Transformer, checkVocabulary } from "../model/transformer.ts";
import type { ChatTemplate, Tokenizer } from "../tokenizer/tokenizer.ts";
import type { RowData, TensorArray } from "./architectures/tensor-rules.ts";
import { FLOAT_FIELDS, modelTypeOf, writeConfig } from "./config-json.ts";
import { writeJSON } from "./fields.ts";
import { FILES } from "./files.ts";
import { writeFile, writeFolder } from "./folder.ts";
import { mergeGenerationDefaults, tokenizerDefaults, writeGenerationDefaults } from "./generation-json.ts";
import { toHuggingFace } from "./names.ts";
import { bytesOf, joinPartsInTurns } from "./parts.ts";
import type { FileContent, FilePart } from "./parts.ts";
import type { DType } from "./safetensors-header.ts";
import { safetensorsParts } from "./safetensors-writer.ts";
import type { TensorBytes } from "./safetensors-writer.ts";
import { modelAsGGUF } from "./save-gguf.ts";
import { FILE_TYPES, isBlocks, plainTypes, savedValues } from "./saved-values.ts";
import type { WeightType } from "./weights.ts";

/** Options of `saveModel`. */
export interface SaveOptions {
  /**
   * The type of the weights in the file: "f32", "f16" or "bf16", and in a GGUF file also "q8_0" or "q4_0", 8 or 4 bits in
   * blocks of 32. Default: as the model holds them, bit for bit; a folder, which has no blocks, gets 32-bit floats for these.
   *
   * In a GGUF file the type is that of the matrices, as in llama.cpp's own: vectors and learned positions are 32-bit floats,
   * and matrices whose rows blocks do not fill have 16 bits. Numbers beyond what a type holds (65,504 in "f16") become Infinity.
   */
  dtype?: WeightType;
  /** Stops the saving; what was there before stays. */
  signal?: AbortSignal;
}

const OPERATION = "saveModel";

/**
 * Saves a model, to a folder or to one file.
 *
 * A folder gets config.json, model.safetensors, tokenizer.json if there is a tokenizer, generation_config.json if ids with a
 * role are known. A model of a published family is written in Hugging Face's form, any other in heed's. A path that ends in
 * ".gguf" gets one GGUF file, which llama.cpp, Ollama and LM Studio run, too.
 *
 * ```ts
 * await saveModel({ model, tokenizer }, "./my-model");
 * const again = await loadModel("./my-model"); // the same numbers, bit for bit
 * await saveModel({ model, tokenizer }, "./my-model.gguf", { dtype: "q8_0" }); // a quarter of the bytes
 * ```
 *
 * There is never half a model: either all files are replaced or, after an error, none. Files of other names stay. Beside the
 * model, one tensor at a time is held in memory.
 *
 * @param target path of a folder, which is made if it does not exist; path of a file "….gguf"; or a map that receives the
 *   files of a folder
 * @throws FileError if the place cannot be written, AbortError if `signal` fires, ConfigError if the tokenizer has ids that
 *   the model has not, for a dtype that the target does not have, and for a model or a tokenizer that GGUF files have no form for
 */
export async function saveModel(
  lm: LanguageModel,
  target: string | Map<string, Uint8Array>,
  options: SaveOptions = {},
): Promise<void> {
  checkOptions(OPERATION, options, ["dtype", "signal"]);
  if (!(lm?.model instanceof Transformer))
    throw new ConfigError(`${OPERATION}: the first argument must be { model, tokenizer? } with a Transformer as model`);
  if (typeof target !== "string" && !(target instanceof Map)) {
    throw new ConfigError(
      `${OPERATION}: the target must be the path of a folder or of a .gguf file, or a Map, got ${describeValue(target)}`,
    );
  }
  const { dtype, signal } = options;
  const toFile = typeof target === "string" && /\.gguf$/i.test(target);
  if (typeof target === "string" && /\.(safetensors|bin)$/i.test(target))
    throw new ConfigError(`${OPERATION}: "${target}" names a file; pass the path of a folder, or of a .gguf file`, {
      target,
    });
  checkType(dtype, toFile);
  if (lm.tokenizer !== undefined) checkVocabulary(OPERATION, lm.model, lm.tokenizer.vocabSize);
  throwIfAborted(signal, OPERATION);
  if (toFile) {
    const name = target.replace(/^.*[\\/]/, "").slice(0, -".gguf".length);
    return writeFile(OPERATION, target, [...modelAsGGUF(OPERATION, lm, name, dtype), whileAlive(lm.model)], signal);
  }
  const files = modelFiles(lm, dtype);
  const removed = Object.values(FILES).filter((name) => !files.has(name)); // of an older model
  if (typeof target === "string") return writeFolder(OPERATION, target, { files, removed }, signal);
  const contents: [string, Uint8Array][] = [];
  for (const [name, content] of files) contents.push([name, await joinPartsInTurns(OPERATION, content, signal)]);
  for (const name of removed) target.delete(name);
  for (const [name, bytes] of contents) target.set(name, bytes);
}

function checkType(dtype: WeightType | undefined, toFile: boolean): void {
  if (dtype === undefined) return;
  const known = (Object.keys(FILE_TYPES) as WeightType[]).filter((type) => toFile || !isBlocks(type));
  if (known.includes(dtype)) return;
  const hint = toFile || !Object.hasOwn(FILE_TYPES, dtype) ? "" : '; the path of a file ending in ".gguf" can have it';
  throw new ConfigError(`${OPERATION}: dtype must be one of ${known.join(", ")}, got ${describeValue(dtype)}${hint}`, {
    dtype,
  });
}

function modelFiles(
  { model, tokenizer, generationDefaults = {} }: LanguageModel,
  dtype: WeightType | undefined,
): Map<string, FileContent> {
  const { config } = model;
  const type = modelTypeOf(config);
  const ids = writeGenerationDefaults(mergeGenerationDefaults(generationDefaults, tokenizerDefaults(tokenizer)));
  const parameters = model.parameters();
  const values = savedValues(parameters, plainTypes(parameters, dtype));
  const files = new Map<string, FileContent>();
  // Hugging Face's tools look for the ids in config.json too.
  const fields = type === "heed" ? {} : { torch_dtype: torchType(values), ...ids };
  files.set(FILES.config, writeJSON({ ...writeConfig(config), ...fields }, FLOAT_FIELDS));
  if (tokenizer !== undefined) files.set(FILES.tokenizer, writeJSON(tokenizer.toJSON()));
  if (tokenizer?.chatTemplate !== undefined)
    files.set(FILES.tokenizerConfig, writeJSON(writeTokenizerConfig(tokenizer, tokenizer.chatTemplate)));
  if (Object.keys(ids).length > 0) files.set(FILES.generation, writeJSON(ids));
  const tensors = plainTensors(type === "heed" ? values : toHuggingFace({ type, config }, values));
  files.set(FILES.weights, [...safetensorsParts(OPERATION, tensors), whileAlive(model)]);
  return files;
}

/** The end of a file of weights, of no bytes: throws if the model was disposed of while they were written, and others took their place. */
function whileAlive(model: Transformer): FilePart {
  const read = (): Uint8Array => {
    for (const parameter of model.parameters().values()) void (parameter.stored?.bytes ?? parameter.data);
    return new Uint8Array(0);
  };
  return { size: 0, bytes: read };
}

/** The tensors of a safetensors file, wider types first, so that each begins where its numbers may be read in place. */
function plainTensors(values: ReadonlyMap<string, TensorArray<RowData>>): Map<string, TensorBytes> {
  const tensors = [...values].map(([name, value]): [string, TensorBytes] => [
    name,
    {
      shape: value.shape,
      dtype: value.dtype as DType,
      get bytes() {
        return bytesOf(value.data);
      },
    },
  ]);
  return new Map(tensors.sort(([, a], [, b]) => Number(b.dtype === "F32") - Number(a.dtype === "F32")));
}

/** The type that Hugging Face's tools shall compute in: that of all the tensors, or the one that holds them all. */
function torchType(values: ReadonlyMap<string, TensorArray<RowData>>): string {
  const types = new Set(Array.from(values.values(), ({ dtype }) => dtype));
  if (types.size > 1 || types.has("F32")) return "float32";
  return types.has("F16") ? "float16" : "bfloat16";
}

/** The `tokenizer_config.json` of a tokenizer with a chat template. */
function writeTokenizerConfig(tokenizer: Tokenizer, template: ChatTemplate): object {
  const spelling = (id: number | undefined): string | null =>
    (id === undefined ? undefined : tokenizer.idToToken(id)) ?? null;
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: spelling(tokenizer.bosId),
    eos_token: spelling(tokenizer.eosId),
    chat_template:
      typeof template === "string"
        ? template
        : Object.entries(template).map(([name, text]) => ({ name, template: text })),
  };
}
