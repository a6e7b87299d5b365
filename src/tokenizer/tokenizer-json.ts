/**
 * Reading Hugging Face's `tokenizer.json`. Every part of the pipeline is read by the file that runs it; what heed cannot run
 * is refused by name, since a tokenizer that is nearly right gives a model nearly the right tokens.
 */
import { BPETokenizer } from "./bpe.ts";
import type { BPEModelParts } from "./bpe-model.ts";
import { CharTokenizer } from "./char.ts";
import {
  type JSONObject,
  checkDepth,
  parseJSON,
  readArray,
  readBoolean,
  readObject,
  readString,
  unsupported,
} from "./json.ts";
import { readAddedTokens } from "./special.ts";
import { readTokenizerConfig, withEdgeTokens } from "./tokenizer-config.ts";

/**
 * Makes a tokenizer from the content of a `tokenizer.json`, as a string or already parsed.
 *
 * Reads models of type BPE: byte-level with GPT-2's split, SentencePiece style (Prepend, Replace, byte fallback), and characters.
 * Truncation and padding settings are left aside: they are about batches, not about tokens.
 *
 * ```ts
 * const tokenizer = tokenizerFromJSON(await readFile("tokenizer.json", "utf8"));
 * ```
 *
 * @param config the content of `tokenizer_config.json`, where there is one: which tokens begin and end a text, whether they are
 *   added (`add_bos_token`, `add_eos_token`, which win over the post-processor), and the chat template
 * @throws FormatError if the content is malformed: no JSON, missing fields, ids given twice, merges of unknown tokens
 * @throws TokenizerError if a part is of a type that heed does not support; the message names it
 */
export function tokenizerFromJSON(json: object | string, config?: object | string): BPETokenizer | CharTokenizer {
  const spec = readObject(typeof json === "string" ? parseJSON(json) : json, "the content");
  const modelSpec = readObject(spec.model, "model");
  if (modelSpec.type !== undefined && modelSpec.type !== "BPE")
    throw unsupported("model of type", modelSpec.type, "BPE");
  const { normalizer, pre_tokenizer: preTokenizer, decoder } = spec;
  for (const name of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) checkDepth(spec[name], name);
  const addedTokens = readAddedTokens(spec.added_tokens);
  const model = readModel(modelSpec);
  const added = new Set(addedTokens.map(({ content }) => content));
  const roles = config === undefined ? {} : readTokenizerConfig(config);
  const idOf = (token: string): number | undefined =>
    addedTokens.find(({ content }) => content === token)?.id ??
    (Object.hasOwn(model.vocab, token) ? (model.vocab as Record<string, number>)[token] : undefined);
  const postProcessor = withEdgeTokens(spec.post_processor, roles, idOf);
  const isChar =
    normalizer == null &&
    preTokenizer == null &&
    postProcessor == null &&
    (decoder as JSONObject | null | undefined)?.type === "Fuse" &&
    model.merges?.length === 0 &&
    !model.unkToken &&
    !model.byteFallback &&
    Object.keys(model.vocab).every((spelling) => added.has(spelling) || [...spelling].length === 1);
  if (isChar) return new CharTokenizer(new Map(Object.entries(model.vocab)), addedTokens, roles);
  return new BPETokenizer({ ...model, addedTokens, normalizer, preTokenizer, postProcessor, decoder, roles });
}

function readModel(spec: JSONObject): BPEModelParts {
  for (const name of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (spec[name]) throw unsupported(`model.${name}`, spec[name], "null");
  }
  return {
    vocab: readObject(spec.vocab, "model.vocab") as Readonly<Record<string, number>>,
    merges: readArray(spec.merges, "model.merges") as readonly string[],
    ignoreMerges: readBoolean(spec.ignore_merges, "model.ignore_merges", false),
    unkToken: spec.unk_token == null ? undefined : readString(spec.unk_token, "model.unk_token"),
    fuseUnk: readBoolean(spec.fuse_unk, "model.fuse_unk", false),
    byteFallback: readBoolean(spec.byte_fallback, "model.byte_fallback", false),
  };
}
