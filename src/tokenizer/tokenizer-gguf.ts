/**
 * Tokenizers from the metadata of GGUF files, the keys that begin with "tokenizer." (github.com/ggml-org/ggml,
 * docs/gguf.md). Two kinds are BPE: "gpt2", spelt in bytes, with merges and the name of a split, and "llama",
 * SentencePiece's, with scores. The ids are those of llama.cpp, from which the format comes, and of the models' own tokenizers.
 */
import { FormatError, TokenizerError, describeValue } from "../errors.ts";
import { BPETokenizer } from "./bpe.ts";
import { findSplit, splitJSON } from "./gguf-split.ts";
import { BYTE_LEVEL_JSON } from "./pre-tokenize.ts";
import { sentencePieceTokenizer } from "./sentence-piece.ts";
import { type AddedToken, specialToken } from "./special.ts";
import { withEdgeTokens } from "./tokenizer-config.ts";
import type { ChatTemplate, TokenizerRoles } from "./tokenizer.ts";

type Metadata = ReadonlyMap<string, unknown>;

/** What the names of a tokenizer's metadata begin with. */
export const TOKENIZER_KEY = "tokenizer.ggml.";

/** What "token_type" says of a token. */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Longest spelling of a token that is looked for in texts. */
const MAX_LENGTH = 4096;

/** What both kinds have. */
interface GGUFVocabulary {
  readonly tokens: readonly string[];
  readonly vocab: ReadonlyMap<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly roles: TokenizerRoles;
  readonly unkToken: string | undefined;
}

/**
 * Makes a tokenizer from the metadata of a GGUF file. Control tokens become special tokens, which are matched in a text
 * only where allowed; user-defined ones are always matched.
 *
 * ```ts
 * const { metadata } = readGGUFHeader(await readFile("model.gguf"), "model.gguf");
 * const tokenizer = tokenizerFromGGUF(metadata);
 * ```
 *
 * @throws FormatError if a key is missing or malformed, or the parts do not fit together
 * @throws TokenizerError for a kind of tokenizer or a split that heed does not know; the message names it
 */
export function tokenizerFromGGUF(metadata: ReadonlyMap<string, unknown>): BPETokenizer {
  const model = metadata.get(`${TOKENIZER_KEY}model`);
  if (model === "gpt2") return byteLevel(metadata);
  if (model === "llama") return sentencePiece(metadata);
  const message = `tokenizerFromGGUF: ${TOKENIZER_KEY}model ${describeValue(model)} is not supported; supported: gpt2, llama`;
  throw new TokenizerError(message, { model });
}

function byteLevel(metadata: Metadata): BPETokenizer {
  const {
    patterns,
    normalizer,
    ignoreMerges,
    addBos = false,
  } = findSplit(metadata.get(`${TOKENIZER_KEY}pre`) ?? "default");
  const { vocab, addedTokens, roles } = readVocabulary(metadata, addBos, {});
  return new BPETokenizer({
    vocab,
    merges: readTexts(metadata, "merges"),
    ignoreMerges,
    addedTokens,
    normalizer,
    preTokenizer: splitJSON(patterns),
    postProcessor: withEdgeTokens(BYTE_LEVEL_JSON, roles, (token) => vocab.get(token)),
    decoder: BYTE_LEVEL_JSON,
    roles,
  });
}

/** As in llama.cpp, nothing else happens to the text: neither "remove_extra_whitespaces" nor NFKC is heeded for this kind. */
function sentencePiece(metadata: Metadata): BPETokenizer {
  const { tokens, ...parts } = readVocabulary(metadata, true, { bos: 1, eos: 2, unknown: 0 });
  const scores = readNumbers(metadata, "scores", tokens.length);
  if (scores === undefined) throw malformed("scores", "an array of numbers", undefined);
  const addSpacePrefix = readFlag(metadata, "add_space_prefix", true);
  return sentencePieceTokenizer({ ...parts, scores, addSpacePrefix }, "GGUF");
}

/** `defaults` are the ids of special tokens where the file gives none. */
function readVocabulary(metadata: Metadata, addBos: boolean, defaults: Record<string, number>): GGUFVocabulary {
  const tokens = readTexts(metadata, "tokens").map((token, id) => token || `[EMPTY_${id}]`);
  const vocab = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const earlier = vocab.get(token);
    if (earlier !== undefined) throw malformed(`tokens[${id}]`, `other than tokens[${earlier}]`, token);
    vocab.set(token, id);
  }
  const idOf = (name: string): number | undefined => {
    const id = metadata.get(`${TOKENIZER_KEY}${name}_token_id`);
    // llama.cpp's own files have 2^32 - 1 for "none".
    return Number.isInteger(id) && tokens[id as number] !== undefined ? (id as number) : defaults[name];
  };
  const [bos, eos, unk] = ["bos", "eos", "unknown"].map(idOf);
  const adds = (name: string, id: number | undefined, byDefault: boolean): boolean => {
    const add = readFlag(metadata, `add_${name}_token`, byDefault && id !== undefined);
    if (!add || (id !== undefined && id < tokens.length)) return add;
    throw malformed(`${name}_token_id`, `the id of a token, because add_${name}_token is true`, id);
  };
  const spelling = (id: number | undefined): string | undefined => (id === undefined ? undefined : tokens[id]);
  const roles = {
    bosToken: spelling(bos) ?? null,
    eosToken: spelling(eos) ?? null,
    addBos: adds("bos", bos, addBos),
    addEos: adds("eos", eos, false),
    chatTemplate: readChatTemplate(metadata),
  };
  const addedTokens = readAddedTokens(metadata, tokens, new Set([bos, eos, idOf("padding")]));
  return { tokens, vocab, addedTokens, roles, unkToken: spelling(unk) };
}

/** One template, or where the file has several, all by name. */
function readChatTemplate(metadata: Metadata): ChatTemplate | undefined {
  const key = "tokenizer.chat_template";
  const names = metadata.get(`${key}s`) ?? [];
  if (!Array.isArray(names)) throw wrong(`${key}s`, "an array of names", names);
  const named = names.map((name) => [name, metadata.get(`${key}.${name}`)] as const);
  const all = [["default", metadata.get(key)] as const, ...named].filter(([, template]) => template !== undefined);
  for (const [name, template] of all) {
    if (typeof template !== "string") throw wrong(`${key} ${describeValue(name)}`, "a string", template);
  }
  if (named.length > 0) return Object.fromEntries(all) as Record<string, string>;
  return all[0]?.[1] as string | undefined;
}

/** The tokens to look for in texts. `control` are those that count as control tokens even where their type is the normal one. */
function readAddedTokens(
  metadata: Metadata,
  tokens: readonly string[],
  control: ReadonlySet<number | undefined>,
): AddedToken[] {
  const types = readNumbers(metadata, "token_type", tokens.length);
  const added: AddedToken[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types?.[id] ?? TOKEN_TYPE.normal;
    const special =
      type === TOKEN_TYPE.control || type === TOKEN_TYPE.unknown || (type === TOKEN_TYPE.normal && control.has(id));
    if (!special && type !== TOKEN_TYPE.userDefined) continue;
    if (content.length > MAX_LENGTH) {
      throw malformed(`tokens[${id}]`, `at most ${MAX_LENGTH} characters, since it is matched in texts`, content);
    }
    added.push({ ...specialToken(content, id), special });
  }
  return added;
}

function readTexts(metadata: Metadata, name: string): readonly string[] {
  const value = metadata.get(TOKENIZER_KEY + name);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value as readonly string[];
  throw malformed(name, "an array of strings", value);
}

/** An array of at least `count` numbers, or undefined if there is none. */
function readNumbers(metadata: Metadata, name: string, count: number): ArrayLike<number> | undefined {
  const value = metadata.get(TOKENIZER_KEY + name);
  if (value === undefined) return undefined;
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  const numbers = value as ArrayLike<number>;
  if (isList && numbers.length >= count && (count === 0 || typeof numbers[0] === "number")) return numbers;
  throw malformed(name, `an array of ${count} numbers, one for each token`, value);
}

function readFlag(metadata: Metadata, name: string, fallback: boolean): boolean {
  const value = metadata.get(TOKENIZER_KEY + name) ?? fallback;
  if (typeof value === "boolean") return value;
  throw malformed(name, "true or false", value);
}

function malformed(name: string, expected: string, got: unknown): FormatError {
  return wrong(TOKENIZER_KEY + name, expected, got);
}

function wrong(key: string, expected: string, got: unknown): FormatError {
  return new FormatError(`GGUF: ${key} must be ${expected}, got ${describeValue(got)}`, { key });
}
