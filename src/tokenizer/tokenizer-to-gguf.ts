/**
 * Tokenizers as metadata of GGUF files: the way back from `tokenizer-gguf.ts`. The format has two forms for BPE and a list of
 * names for splits, so not every tokenizer can be said. What cannot is refused by name, since a program that reads the file
 * would tokenize differently and say nothing.
 */
import { ConfigError, checkInteger, checkOptions, describeValue } from "../errors.ts";
import { BPETokenizer } from "./bpe.ts";
import { byteSymbols } from "./byte-level.ts";
import { byteTokenName } from "./decode.ts";
import { splitName } from "./gguf-split.ts";
import type { JSONObject } from "./json.ts";
import { readPostProcessor } from "./post-process.ts";
import { BYTE_LEVEL_JSON } from "./pre-tokenize.ts";
import { scoresOfMerges, sentencePieceStages } from "./sentence-piece.ts";
import type { AddedToken } from "./special.ts";
import { TOKENIZER_KEY, TOKEN_TYPE } from "./tokenizer-gguf.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One value of the metadata of a tokenizer. */
export type TokenizerField = string | number | boolean | readonly string[] | Int32Array | Float32Array;

/** Options of `tokenizerToGGUF`. */
export interface TokenizerToGGUFOptions {
  /**
   * Number of tokens in the file, which must be the model's: llama.cpp refuses others. Ids without a token get one that
   * marks them as unused. Default: the tokenizer's.
   */
  vocabSize?: number;
  /** Id of the token that fills rows of a batch. Default none. */
  padId?: number;
}

const OPERATION = "tokenizerToGGUF";

/** A tokenizer by the parts of its `tokenizer.json`. */
interface Parts {
  readonly normalizer: JSONObject | null;
  readonly pre_tokenizer: JSONObject | null;
  readonly post_processor: JSONObject | null;
  readonly decoder: JSONObject;
  readonly added_tokens: readonly AddedToken[];
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | [string, string])[];
    readonly ignore_merges: boolean;
    readonly byte_fallback: boolean;
    readonly fuse_unk: boolean;
    readonly unk_token: string | null;
  };
}

/** The tokens of a file, by id. */
interface Tokens {
  readonly spellings: string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly types: Int32Array;
}

/**
 * The metadata of a GGUF file that say what a tokenizer does: `tokenizerFromGGUF` makes one from them that gives the same
 * ids, and llama.cpp does. Two things stay behind, as in llama.cpp's own files: the white space that an added token takes in
 * on its sides, and whether it must stand alone.
 *
 * ```ts
 * const metadata = tokenizerToGGUF(tokenizer, { vocabSize: model.config.vocabSize });
 * metadata.get("tokenizer.ggml.model"); // "gpt2"
 * ```
 *
 * @throws ConfigError naming the part that GGUF files have no place for: characters as tokens, a split without a name, a
 *   normalizer, merges that no scores can say, a template of several tokens
 */
export function tokenizerToGGUF(
  tokenizer: Tokenizer,
  options: TokenizerToGGUFOptions = {},
): Map<string, TokenizerField> {
  checkOptions(OPERATION, options, ["vocabSize", "padId"]);
  const { vocabSize = tokenizer.vocabSize, padId } = options;
  checkInteger(OPERATION, "vocabSize", vocabSize, tokenizer.vocabSize);
  if (padId !== undefined) checkInteger(OPERATION, "padId", padId, 0, vocabSize - 1);
  const parts = tokenizer.toJSON() as Parts;
  const tokens = readTokens(tokenizer, parts, vocabSize);
  const own = isByteLevel(parts) ? byteLevel(tokenizer, parts) : sentencePiece(parts, tokens);
  const { spellings, types, ids } = tokens;
  const { unk_token: unknown } = parts.model;
  return fields({
    ...own,
    tokens: spellings,
    token_type: types,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    unknown_token_id: unknown === null ? undefined : ids.get(unknown),
    padding_token_id: padId,
    ...edges(tokenizer, parts),
    ...templates(tokenizer),
  });
}

/** The error for what has no place in a file. */
function cannot(what: string, details: Record<string, unknown> = {}): ConfigError {
  return new ConfigError(`${OPERATION}: GGUF files have no place for ${what}; a folder keeps every tokenizer`, details);
}

/** A stage for a message. */
function shown(stage: object | null): string {
  const json = JSON.stringify(stage);
  return json.length > 120 ? `${json.slice(0, 120)}…` : json;
}

/** Entries with their whole keys, without those that say nothing. */
function fields(entries: Record<string, TokenizerField | undefined>): Map<string, TokenizerField> {
  const found = new Map<string, TokenizerField>();
  for (const [name, value] of Object.entries(entries)) {
    if (value !== undefined) found.set(name.includes(".") ? name : TOKENIZER_KEY + name, value);
  }
  return found;
}

function readTokens(tokenizer: Tokenizer, { model, added_tokens: added }: Parts, vocabSize: number): Tokens {
  const spellings: string[] = [];
  const ids = new Map<string, number>();
  const types = new Int32Array(vocabSize).fill(TOKEN_TYPE.normal);
  for (let id = 0; id < vocabSize; id++) {
    const known = tokenizer.idToToken(id);
    let spelling = known ?? `[PAD${id}]`;
    if (known === undefined) {
      types[id] = TOKEN_TYPE.unused;
      while (tokenizer.tokenToId(spelling) !== undefined) spelling += "]";
    }
    spellings.push(spelling);
    ids.set(spelling, id);
  }
  const byteNames = model.byte_fallback ? Array.from({ length: 256 }, (_, byte) => byteTokenName(byte)) : [];
  for (const name of byteNames) {
    const id = ids.get(name);
    if (id !== undefined) types[id] = TOKEN_TYPE.byte;
  }
  for (const { id, special } of added) types[id] = special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
  const unknown = ids.get(model.unk_token ?? "");
  if (unknown !== undefined && types[unknown] !== TOKEN_TYPE.userDefined) types[unknown] = TOKEN_TYPE.unknown;
  return { spellings, ids, types };
}

function isByteLevel({ pre_tokenizer: json }: Parts): boolean {
  const stages = json?.type === "Sequence" ? (json.pretokenizers as JSONObject[]) : [json];
  return stages.at(-1)?.type === "ByteLevel";
}

function byteLevel(tokenizer: Tokenizer, parts: Parts): Record<string, TokenizerField> {
  const { model, decoder } = parts;
  if (decoder.type !== "ByteLevel") throw cannot(`a decoder of type ${describeValue(decoder.type)}`);
  if (model.unk_token !== null && !byteSymbols.every((symbol) => Object.hasOwn(model.vocab, symbol)))
    throw cannot("an unknown token that stands for bytes");
  const merges = model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  if (model.merges.some((merge) => typeof merge !== "string" && merge.some((half) => half.includes(" "))))
    throw cannot("merges of spellings with spaces");
  return { model: "gpt2", pre: findName(tokenizer, parts), merges };
}

/** The name of the split. Whether merges count for whole tokens goes with it, and need not fit where it makes no difference. */
function findName(tokenizer: Tokenizer, parts: Parts): string {
  const { model, normalizer, pre_tokenizer: preTokenizer } = parts;
  const name = splitName(preTokenizer, normalizer, model.ignore_merges);
  if (name !== undefined) return name;
  const similar = splitName(preTokenizer, normalizer, undefined);
  if (similar !== undefined && wholeTokensMerge(tokenizer, parts)) return similar;
  if (similar !== undefined) throw cannot(`ignore_merges ${model.ignore_merges} beside the split "${similar}"`);
  if (normalizer !== null && splitName(preTokenizer, null, undefined) !== undefined)
    throw cannot(`the normalizer ${shown(normalizer)} beside this split`, { normalizer });
  throw cannot(`the split ${shown(preTokenizer)}`, { preTokenizer });
}

/** Whether each token's own text merges to it, so that it makes no difference whether merges count for whole tokens. */
function wholeTokensMerge(tokenizer: Tokenizer, { model, added_tokens: added }: Parts): boolean {
  const plain = new BPETokenizer({
    vocab: model.vocab,
    merges: model.merges,
    addedTokens: [],
    preTokenizer: { ...BYTE_LEVEL_JSON, use_regex: false },
    decoder: BYTE_LEVEL_JSON,
  });
  const skipped = new Set(added.map(({ id }) => id));
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return Object.values(model.vocab).every((id) => {
    if (skipped.has(id)) return true;
    const text = decoder.decode(tokenizer.tokenBytes(id));
    // A part of a character is never a whole piece of text.
    return text.includes("\ufffd") || plain.countTokens(text) === 1;
  });
}

function sentencePiece(parts: Parts, { ids, types }: Tokens): Record<string, TokenizerField> {
  const { model, decoder, normalizer, pre_tokenizer: preTokenizer } = parts;
  const steps = flat(normalizer, "normalizers");
  const prefix = steps[0]?.type === "Prepend";
  const expected = sentencePieceStages(prefix);
  if (!model.byte_fallback) throw cannot("a vocabulary without bytes, such as one of characters");
  if (text(steps) !== text(flat(expected.normalizer, "normalizers")))
    throw cannot(`the normalizer ${shown(normalizer)} of a vocabulary of characters`, { normalizer });
  // After the normalizer there are no spaces to cut at.
  const idle = preTokenizer?.type === "Split" && (preTokenizer.pattern as JSONObject | undefined)?.String === " ";
  if (preTokenizer !== null && !idle)
    throw cannot(`the split ${shown(preTokenizer)} of a vocabulary of characters`, { preTokenizer });
  if (text(flat(decoder, "decoders")) !== text(flat(expected.decoder, "decoders")))
    throw cannot(`the decoder ${shown(decoder)}`, { decoder });
  if (!model.fuse_unk && types.filter((type) => type === TOKEN_TYPE.byte).length < 256)
    throw cannot("unknown characters that are a token each");
  const merges = model.merges.map((merge) => (typeof merge === "string" ? merge.split(" ") : merge));
  const exempt = new Set([...types.keys()].filter((id) => types[id] === TOKEN_TYPE.userDefined));
  const scores = scoresOfMerges(ids, merges as [string, string][], exempt);
  if (scores === undefined) throw cannot("merges that do not follow from a score for each token");
  return { model: "llama", pre: "default", scores, add_space_prefix: prefix };
}

/** The steps of a stage. */
function flat(stage: object | null, list: string): JSONObject[] {
  if (stage === null) return [];
  const spec = stage as JSONObject;
  return spec.type === "Sequence" ? (spec[list] as JSONObject[]) : [spec];
}

/** The same text for steps that differ in the order of their fields only. */
function text(steps: readonly JSONObject[]): string {
  return JSON.stringify(steps.map((step) => Object.entries(step).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Which tokens are put around a text. */
function edges(tokenizer: Tokenizer, { post_processor: json }: Parts): Record<string, boolean> {
  const { before, after } = readPostProcessor(json);
  const adds = (ids: readonly number[], own: number | undefined): boolean => {
    if (ids.length > 1 || (ids.length === 1 && ids[0] !== own))
      throw cannot(`the template ${shown(json)}: only BOS goes before a text, and only EOS behind it`);
    return ids.length === 1;
  };
  return { add_bos_token: adds(before, tokenizer.bosId), add_eos_token: adds(after, tokenizer.eosId) };
}

function templates({ chatTemplate }: Tokenizer): Record<string, TokenizerField | undefined> {
  const key = "tokenizer.chat_template";
  if (typeof chatTemplate !== "object") return { [key]: chatTemplate };
  const { default: main, ...named } = chatTemplate;
  const names = Object.keys(named);
  return {
    [key]: main,
    ...(names.length > 0 && { [`${key}s`]: names }),
    ...Object.fromEntries(names.map((name) => [`${key}.${name}`, named[name]])),
  };
}
