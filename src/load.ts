/** A model from its files: formats, tokenizer and model put together. */
import { ConfigError, FormatError, TokenizerError, checkInteger, checkOptions, describeValue } from "./errors.ts";
import type { Checkpoint, CheckpointTensor } from "./formats/checkpoint.ts";
import { describeCheckpoint } from "./formats/describe.ts";
import type { ModelDescription } from "./formats/describe.ts";
import { mergeGenerationDefaults, tokenizerDefaults } from "./formats/generation-json.ts";
import { checkMemory, withinMemory } from "./formats/memory.ts";
import { openCheckpoint } from "./formats/open-checkpoint.ts";
import { LoadCounter } from "./formats/progress.ts";
import type { LoadProgress } from "./formats/progress.ts";
import { openSource } from "./formats/source.ts";
import type { ModelInput, ModelSource, OpenedSource, SourceOptions } from "./formats/source.ts";
import { readWeights } from "./formats/weight-reader.ts";
import { WEIGHT_TYPES, planBytes, planWeights, untied } from "./formats/weights.ts";
import type { PlannedTensor, WeightType } from "./formats/weights.ts";
import type { LanguageModel } from "./language-model.ts";
import type { ModelConfig, ResolvedConfig } from "./model/config.ts";
import { FIRST_POSITIONS, Transformer, canBeStored } from "./model/transformer.ts";
import { MAX_POSITION_NUMBERS } from "./ops/rotary.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

export type { LoadProgress, ModelDescription, ModelInput, SourceOptions, WeightType };

/** Options of `loadModel`. */
export interface LoadOptions extends Omit<SourceOptions, "onDownload"> {
  /**
   * The greatest number of tokens that the model shall see at once. Default: what its config says. Learned positions can
   * only be cut, the computed ones (rotary, sinusoidal) can have any length.
   */
  contextLength?: number | undefined;
  /**
   * How matrices are held: "f32" (the only way in which they can be trained), "f16" or "bf16" (half of that), "q8_0" (about
   * a quarter) or "q4_0" (about an eighth, with a loss that shows). Default: as the files have them, where that is one of
   * these; GGML's other types become "f16", and everything else "f32". A matrix whose rows are no multiple of 32 numbers
   * long, which the blocks of "q8_0" and "q4_0" would not fill, becomes "f16".
   */
  dtype?: WeightType | undefined;
  /**
   * Called after each step of reading, and of downloading into a cache. Downloads come first, one file after the other, and
   * until they end `totalBytes` is 0.
   */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** Options of `describeModel`. */
export type DescribeOptions = Omit<SourceOptions, "onDownload" | "integrity">;

const DESCRIBE_OPTIONS = ["signal", "fetch", "headers", "cache"] as const;

/**
 * Loads a model from files, which are read piece by piece straight into the memory that the model uses:
 *
 * - a folder in the form of Hugging Face: config.json and model.safetensors (or several safetensors files with an index), and
 *   where there are ones tokenizer.json with tokenizer_config.json and chat_template.jinja, and generation_config.json
 * - one .safetensors file beside its config.json
 * - one GGUF file, or a folder with one
 * - one .bin file of llama2.c, with its tokenizer.bin beside it
 *
 * The families that it knows are those of formats/architectures, and heed's own.
 *
 * ```ts
 * const lm = await loadModel("./SmolLM2-135M", { contextLength: 1024 });
 * const other = await loadModel("https://huggingface.co/HuggingFaceTB/SmolLM2-135M", { cache: "./models" });
 * ```
 *
 * @param source path or address of a folder or a file, contents by file name, or what a browser's file input gives
 * @throws FileError if a file is missing or cannot be read, FormatError saying what is wrong in a file and where,
 *   TokenizerError for a kind of tokenizer that heed does not know, ConfigError for a context longer than the model's table
 *   of positions or a model beyond the memory of the machine, AbortError if `signal` fires
 */
export async function loadModel(source: ModelInput, options: LoadOptions = {}): Promise<LanguageModel> {
  checkLoadOptions(options);
  const counter = new LoadCounter(options.onProgress);
  const opened = await openSource("loadModel", source, {
    ...options,
    onDownload: (bytes, file) => counter.download(bytes, file),
  });
  return withSource(opened, () => readModel(opened, counter, options));
}

/** Does something with a source and closes it. What turned out to be no model is not kept by a cache. */
async function withSource<T>(opened: OpenedSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FormatError || error instanceof TokenizerError) await opened.forget();
    throw error;
  } finally {
    await opened.close();
  }
}

async function readModel(source: ModelSource, counter: LoadCounter, options: LoadOptions): Promise<LanguageModel> {
  const checkpoint = await openCheckpoint("loadModel", counter.watch(source));
  counter.begin(checkpoint.files, checkpoint.tensors.values());
  const named = await checkpoint.generationDefaults();
  const tokenizer = await checkpoint.tokenizer();
  checkTokenizer(tokenizer, checkpoint);
  const plan = planWeights(checkpoint, options);
  const config = withContext(checkpoint, options.contextLength);
  const need = {
    weights: planBytes(plan),
    positions: positionBytes(checkpoint.config, config.contextLength ?? 0),
  };
  await checkMemory(need);
  const model = await withinMemory(need, async () => {
    const parameters = await readWeights(plan, differingHead(checkpoint), options.signal);
    try {
      await source.verify();
      counter.complete();
      return new Transformer(config, { parameters, origin: originOf(checkpoint.file, plan) });
    } catch (error) {
      for (const tensor of parameters.values()) tensor.release();
      throw error;
    }
  });
  const generationDefaults = mergeGenerationDefaults(named, tokenizerDefaults(tokenizer));
  return { model, ...(tokenizer !== undefined && { tokenizer }), generationDefaults };
}

/** Makes the error for a file that holds the head of a tied model a second time, and another one. */
function differingHead({ describedBy }: Checkpoint): (tensor: CheckpointTensor) => FormatError {
  return ({ file, name }) => untied(file.name, name, describedBy);
}

/** Where weights come from, for `summary()`, and which matrices have changed their type: "model.gguf, Q4_K → f16". */
function originOf(file: string, plan: readonly PlannedTensor[]): string {
  const changes = plan.flatMap(({ tensor: { dtype }, weights }) =>
    weights
      .filter(({ name, shape, type }) => canBeStored(name, shape) && type !== dtype.toLowerCase())
      .map(({ type }) => `${dtype} → ${type}`),
  );
  return [file, ...new Set(changes)].join(", ");
}

/**
 * What a model's files say about it, without reading its weights: headers and descriptions only, a few kilobytes to a few
 * megabytes of any model. With `cache`, an address is downloaded whole all the same.
 *
 * ```ts
 * const { architecture, parameters, dtypes } = await describeModel("model.gguf");
 * ```
 *
 * @param source as for `loadModel`
 * @throws as `loadModel`; a kind of tokenizer that heed does not know is described and no error
 */
export async function describeModel(source: ModelInput, options: DescribeOptions = {}): Promise<ModelDescription> {
  if ((options as SourceOptions | null)?.integrity !== undefined)
    throw new ConfigError(
      "describeModel: integrity cannot be checked, because the weights are not read; leave it out, or pass it to loadModel",
      { option: "integrity" },
    );
  checkOptions("describeModel", options, DESCRIBE_OPTIONS);
  const opened = await openSource("describeModel", source, options);
  return withSource(opened, async () => describeCheckpoint(await openCheckpoint("describeModel", opened)));
}

function checkLoadOptions(options: LoadOptions): void {
  checkOptions("loadModel", options, ["contextLength", "dtype", "onProgress", ...DESCRIBE_OPTIONS, "integrity"]);
  const { contextLength, dtype, onProgress } = options;
  if (contextLength !== undefined) checkInteger("loadModel", "contextLength", contextLength, 1, 2 ** 31 - 1);
  if (dtype !== undefined && !WEIGHT_TYPES.includes(dtype))
    throw new ConfigError(`loadModel: dtype must be one of ${WEIGHT_TYPES.join(", ")}, got ${describeValue(dtype)}`, {
      dtype,
    });
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new ConfigError(`loadModel: onProgress must be a function, got ${describeValue(onProgress)}`);
}

function checkTokenizer(tokenizer: Tokenizer | undefined, { config, describedBy, files }: Checkpoint): void {
  if (tokenizer === undefined || tokenizer.vocabSize <= config.vocabSize) return;
  const file = files.find(({ name }) => /^tok/.test(name))?.name ?? "the tokenizer";
  throw new FormatError(
    `${file}: has ${tokenizer.vocabSize} ids, the model of ${describedBy} only ${config.vocabSize}; they do not belong together`,
    { tokenizer: tokenizer.vocabSize, model: config.vocabSize },
  );
}

/** A config with another context, as what the Transformer's constructor takes. */
function withContext({ config, describedBy }: Checkpoint, wanted: number = config.contextLength): ModelConfig {
  if (config.position === "learned" && wanted > config.contextLength) {
    throw new ConfigError(
      `loadModel: contextLength ${wanted} exceeds the model's table of ${config.contextLength} learned positions`,
      { wanted, table: config.contextLength },
    );
  }
  // No tensor of the file vouches for the length of computed positions, so a wild one must not size the tables.
  const width = positionWidth(config);
  if (wanted * width > MAX_POSITION_NUMBERS) {
    throw new FormatError(
      `${describedBy}: a context of ${wanted} tokens needs position tables beyond ${MAX_POSITION_NUMBERS} numbers; pass contextLength up to ${Math.floor(MAX_POSITION_NUMBERS / width)}`,
      { wanted },
    );
  }
  return { ...config, contextLength: wanted };
}

/** Bytes of the tables of computed positions that a new model makes. Learned ones are weights. */
function positionBytes(config: ResolvedConfig, contextLength: number): number {
  const { position, rotaryDim, slidingRopeTheta } = config;
  if (position !== "rotary") return 4 * contextLength * positionWidth(config);
  return 4 * Math.min(contextLength, FIRST_POSITIONS) * rotaryDim * (slidingRopeTheta === null ? 1 : 2);
}

/** Numbers that the longest table of computed positions has for each position. */
function positionWidth({ position, headDim, dModel }: ResolvedConfig): number {
  return position === "learned" ? 0 : position === "rotary" ? headDim : dModel;
}
