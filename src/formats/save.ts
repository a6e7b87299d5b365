/** Writing a model the way Hugging Face's tools and `loadModel` read it. */
import { ConfigError, checkOptions, throwIfAborted } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { Transformer, checkVocabulary } from "../model/transformer.ts";
import { FLOAT_FIELDS, modelTypeOf, writeConfig } from "./config-json.ts";
import { writeJSON } from "./fields.ts";
import { FILES } from "./files.ts";
import { writeFolder } from "./folder.ts";
import { mergeGenerationDefaults, tokenizerDefaults, writeGenerationDefaults } from "./generation-json.ts";
import { toHuggingFace } from "./names.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { ChatTemplate, Tokenizer } from "../tokenizer/tokenizer.ts";

/** Options of `saveModel`. */
export interface SaveOptions {
  /** Stops the saving; what was there before stays. */
  signal?: AbortSignal;
}

/**
 * Saves a model: config.json, model.safetensors (F32), tokenizer.json if there is a tokenizer, generation_config.json if
 * ids with a role are known. A model of a published family is written in Hugging Face's form, any other in heed's.
 *
 * ```ts
 * await saveModel({ model, tokenizer }, "./my-model");
 * const again = await loadModel("./my-model"); // the same numbers, bit for bit
 * ```
 *
 * A folder never holds half a model: either all files are replaced or, after an error, none. Files of other names stay.
 *
 * @param target path of a folder, which is made if it does not exist, or a map that receives the files
 * @throws FileError if the folder cannot be written, ConfigError if the tokenizer has ids that the model has not,
 *   AbortError if `signal` fires
 */
export async function saveModel(
  lm: LanguageModel,
  target: string | Map<string, Uint8Array>,
  options: SaveOptions = {},
): Promise<void> {
  checkOptions("saveModel", options, ["signal"]);
  if (!(lm?.model instanceof Transformer))
    throw new ConfigError("saveModel: the first argument must be { model, tokenizer? } with a Transformer as model");
  if (typeof target !== "string" && !(target instanceof Map)) {
    throw new ConfigError(
      `saveModel: the target must be the path of a folder or a Map, got ${target === null ? "null" : typeof target}`,
    );
  }
  if (lm.tokenizer !== undefined) checkVocabulary("saveModel", lm.model, lm.tokenizer.vocabSize);
  throwIfAborted(options.signal, "saveModel");
  const files = modelFiles(lm);
  const removed = Object.values(FILES).filter((name) => !files.has(name)); // of an older model
  if (typeof target === "string") return writeFolder("saveModel", target, { files, removed }, options.signal);
  for (const name of removed) target.delete(name);
  for (const [name, bytes] of files) target.set(name, bytes);
}

function modelFiles({ model, tokenizer, generationDefaults = {} }: LanguageModel): Map<string, Uint8Array> {
  const type = modelTypeOf(model.config);
  const ids = writeGenerationDefaults(mergeGenerationDefaults(generationDefaults, tokenizerDefaults(tokenizer)));
  const parameters = model.parameters();
  const files = new Map<string, Uint8Array>();
  // Hugging Face's tools look for the ids in config.json too.
  files.set(
    FILES.config,
    writeJSON(type === "heed" ? writeConfig(model.config) : { ...writeConfig(model.config), ...ids }, FLOAT_FIELDS),
  );
  if (tokenizer !== undefined) files.set(FILES.tokenizer, writeJSON(tokenizer.toJSON()));
  if (tokenizer?.chatTemplate !== undefined)
    files.set(FILES.tokenizerConfig, writeJSON(writeTokenizerConfig(tokenizer, tokenizer.chatTemplate)));
  if (Object.keys(ids).length > 0) files.set(FILES.generation, writeJSON(ids));
  files.set(
    FILES.weights,
    writeSafetensors(type === "heed" ? parameters : toHuggingFace({ type, config: model.config }, parameters)),
  );
  return files;
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
