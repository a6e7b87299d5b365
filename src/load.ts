/** A model from its files: formats, tokenizer and model put together. */
import { ConfigError, FileError, FormatError, checkInteger, checkOptions, throwIfAborted } from "./errors.ts";
import { readConfig } from "./formats/config-json.ts";
import type { DescribedModel } from "./formats/config-json.ts";
import { readFields, readText } from "./formats/fields.ts";
import { FILES } from "./formats/files.ts";
import { mergeGenerationDefaults, readGenerationDefaults, tokenizerDefaults } from "./formats/generation-json.ts";
import { readSafetensors } from "./formats/safetensors.ts";
import { openSource } from "./formats/source.ts";
import type { ModelSource } from "./formats/source.ts";
import { readParameters } from "./formats/weights.ts";
import type { LanguageModel } from "./language-model.ts";
import type { ModelConfig, ResolvedConfig } from "./model/config.ts";
import { Transformer } from "./model/transformer.ts";
import { MAX_POSITION_NUMBERS } from "./ops/rotary.ts";
import { tokenizerFromJSON } from "./tokenizer/tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** How far loading has come. */
export interface LoadProgress {
  /** Bytes read so far, of all files together. */
  readonly loadedBytes: number;
  /** Bytes of all files together. */
  readonly totalBytes: number;
  /** The file that is being read. */
  readonly file: string;
}

/** Options of `loadModel`. */
export interface LoadOptions {
  /**
   * The greatest number of tokens that the model shall see at once. Default: what its config says. Learned positions can
   * only be cut, the computed ones (rotary, sinusoidal) can have any length.
   */
  contextLength?: number;
  /** Stops the loading. */
  signal?: AbortSignal;
  /** Called after each step of reading. */
  onProgress?: (progress: LoadProgress) => void;
}

/**
 * Loads a model from a folder in the form of Hugging Face (config.json, model.safetensors, and where there are ones
 * tokenizer.json with tokenizer_config.json and chat_template.jinja, and generation_config.json), or from the same files in memory. The families that it
 * knows are those of formats/architectures, and heed's own.
 *
 * ```ts
 * const lm = await loadModel("./SmolLM2-135M", { contextLength: 1024 });
 * ```
 *
 * @param source path of a folder, or contents by file name (in browsers: from `fetch` or a file input)
 * @throws FileError if a file is missing or cannot be read, FormatError saying what is wrong in a file and where,
 *   ConfigError for a context longer than the model's table of positions, AbortError if `signal` fires
 */
export async function loadModel(
  source: string | ReadonlyMap<string, Uint8Array>,
  options: LoadOptions = {},
): Promise<LanguageModel> {
  checkOptions("loadModel", options, ["contextLength", "signal", "onProgress"]);
  if (options.contextLength !== undefined)
    checkInteger("loadModel", "contextLength", options.contextLength, 1, 2 ** 31 - 1);
  throwIfAborted(options.signal, "loadModel");
  const opened = await openSource("loadModel", source);
  const sizes = await findFiles(opened);
  const read = reader(opened, sizes, options);

  const configFields = readFields(await read(FILES.config), FILES.config);
  const described = readConfig(configFields);
  const { vocabSize } = described.config;
  const generationFields = sizes.has(FILES.generation)
    ? readFields(await read(FILES.generation), FILES.generation)
    : undefined;
  const tokenizer = await readTokenizer(sizes, read, vocabSize);
  const model = buildModel(described, await read(FILES.weights), options.contextLength);
  const generationDefaults = mergeGenerationDefaults(
    generationFields === undefined ? {} : readGenerationDefaults(generationFields, vocabSize),
    readGenerationDefaults(configFields, vocabSize),
    tokenizerDefaults(tokenizer),
  );
  return { model, ...(tokenizer !== undefined && { tokenizer }), generationDefaults };
}

/** Sizes of the files to be read. Throws a FileError if one is missing that must be there. */
async function findFiles(source: ModelSource): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of Object.values(FILES)) {
    const size = await source.size(name);
    if (size !== undefined) sizes.set(name, size);
  }
  const missing = [FILES.config, FILES.weights].filter((name) => !sizes.has(name));
  if (missing.length > 0) {
    const found = (await source.list()).sort();
    const shown = found.length === 0 ? "nothing" : found.slice(0, 8).join(", ") + (found.length > 8 ? ", …" : "");
    throw new FileError(
      `loadModel: ${source.place}: ${missing.join(" and ")} not found; a model needs ${FILES.config} and ${FILES.weights}, here is ${shown}`,
      { missing, found },
    );
  }
  return sizes;
}

/** Reads files of the source one after the other and reports how far it has come. */
function reader(
  source: ModelSource,
  sizes: ReadonlyMap<string, number>,
  { signal, onProgress }: LoadOptions,
): (file: string) => Promise<Uint8Array> {
  const totalBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  let loadedBytes = 0;
  return (file) =>
    source.read(file, {
      signal,
      onBytes: (bytes) => {
        loadedBytes += bytes;
        onProgress?.({ loadedBytes, totalBytes, file });
      },
    });
}

/** The tokenizer, with what stands beside it: its roles, and a chat template in a file of its own, which then is the one that counts. */
async function readTokenizer(
  sizes: ReadonlyMap<string, number>,
  read: (file: string) => Promise<Uint8Array>,
  vocabSize: number,
): Promise<Tokenizer | undefined> {
  if (!sizes.has(FILES.tokenizer)) return undefined;
  const json = readText(await read(FILES.tokenizer), FILES.tokenizer);
  const config = sizes.has(FILES.tokenizerConfig)
    ? readFields(await read(FILES.tokenizerConfig), FILES.tokenizerConfig).values
    : {};
  const template = sizes.has(FILES.chatTemplate)
    ? { chat_template: readText(await read(FILES.chatTemplate), FILES.chatTemplate) }
    : {};
  const tokenizer = tokenizerFromJSON(json, { ...config, ...template });
  if (tokenizer.vocabSize > vocabSize) {
    throw new FormatError(
      `${FILES.tokenizer}: has ${tokenizer.vocabSize} ids, the model of ${FILES.config} only ${vocabSize}; they do not belong together`,
      { tokenizer: tokenizer.vocabSize, model: vocabSize },
    );
  }
  return tokenizer;
}

function buildModel(described: DescribedModel, bytes: Uint8Array, contextLength: number | undefined): Transformer {
  const config = withContext(described.config, contextLength);
  return new Transformer(config, {
    parameters: readParameters(readSafetensors(bytes, { name: FILES.weights }), described, config.contextLength),
  });
}

/** A config with another context, as what the Transformer's constructor takes. */
function withContext(config: ResolvedConfig, wanted: number = config.contextLength): ModelConfig {
  if (config.position === "learned" && wanted > config.contextLength) {
    throw new ConfigError(
      `loadModel: contextLength ${wanted} exceeds the model's table of ${config.contextLength} learned positions`,
      { wanted, table: config.contextLength },
    );
  }
  // No tensor of the file vouches for the length of computed positions, so a wild one must not size the tables.
  const width = config.position === "rotary" ? config.headDim : config.dModel;
  if (config.position !== "learned" && wanted * width > MAX_POSITION_NUMBERS) {
    throw new FormatError(
      `${FILES.config}: a context of ${wanted} tokens needs position tables beyond ${MAX_POSITION_NUMBERS} numbers; pass contextLength up to ${Math.floor(MAX_POSITION_NUMBERS / width)}`,
      { wanted },
    );
  }
  return { ...config, contextLength: wanted };
}
