/**
 * Reading Hugging Face's `tokenizer.json`. Every part of the pipeline is read by the file that runs it; what heed cannot run
 * is refused by name, since a tokenizer that is nearly right gives a model nearly the right tokens.
 */
import { FormatError } from "../errors.ts";
import { type BPEModelParts, BPETokenizer } from "./bpe.ts";
import { CharTokenizer } from "./char.ts";
import {
  type JSONObject,
  checkDepth,
  malformed,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readString,
  unsupported,
} from "./json.ts";
import { readAddedTokens } from "./special.ts";
import type { Merge } from "./train.ts";

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
 * @throws FormatError if the content is malformed: no JSON, missing fields, ids given twice, merges of unknown tokens
 * @throws TokenizerError if a part is of a type that heed does not support; the message names it
 */
export function tokenizerFromJSON(json: object | string): BPETokenizer | CharTokenizer {
  const spec = readObject(typeof json === "string" ? parse(json) : json, "the content");
  const modelSpec = readObject(spec.model, "model");
  if (modelSpec.type !== undefined && modelSpec.type !== "BPE")
    throw unsupported("model of type", modelSpec.type, "BPE");
  const { normalizer, pre_tokenizer: preTokenizer, post_processor: postProcessor, decoder } = spec;
  for (const name of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) checkDepth(spec[name], name);
  const addedTokens = readAddedTokens(spec.added_tokens);
  const model = readModel(modelSpec);
  const added = new Set(addedTokens.map(({ content }) => content));
  const isChar =
    normalizer == null &&
    preTokenizer == null &&
    postProcessor == null &&
    (decoder as JSONObject | null | undefined)?.type === "Fuse" &&
    model.merges.length === 0 &&
    !model.unkToken &&
    !model.byteFallback &&
    [...model.vocab.keys()].every((spelling) => added.has(spelling) || [...spelling].length === 1);
  if (isChar) return new CharTokenizer(model.vocab, addedTokens);
  return new BPETokenizer({ ...model, addedTokens, normalizer, preTokenizer, postProcessor, decoder });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new FormatError(`tokenizer.json: not valid JSON: ${(cause as Error).message}`, {}, { cause });
  }
}

function readModel(spec: JSONObject): BPEModelParts {
  for (const name of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (spec[name]) throw unsupported(`model.${name}`, spec[name], "null");
  }
  if (readBoolean(spec.ignore_merges, "model.ignore_merges", false))
    throw unsupported("model.ignore_merges", true, "false");
  const vocab = new Map<string, number>();
  for (const [spelling, id] of Object.entries(readObject(spec.vocab, "model.vocab"))) {
    vocab.set(spelling, readInteger(id, `model.vocab[${JSON.stringify(spelling)}]`));
  }
  const merges = readArray(spec.merges, "model.merges").map(readMerge);
  const fuseUnk = readBoolean(spec.fuse_unk, "model.fuse_unk", false);
  const byteFallback = readBoolean(spec.byte_fallback, "model.byte_fallback", false);
  const unkToken =
    spec.unk_token === undefined || spec.unk_token === null ? undefined : readString(spec.unk_token, "model.unk_token");
  return { vocab, merges, unkToken, fuseUnk, byteFallback };
}

/** A merge is written "a b", or ["a", "b"] in files since 2024. */
function readMerge(item: unknown, rank: number): Merge {
  const where = `model.merges[${rank}]`;
  const pair = typeof item === "string" ? item.split(" ") : readArray(item, where);
  if (pair.length !== 2) throw malformed(where, `"a b" or ["a", "b"]`, item);
  return [readString(pair[0], where), readString(pair[1], where)];
}
