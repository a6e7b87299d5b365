/**
 * The vocabularies of OpenAI in their own formats: GPT-2's `encoder.json` with `vocab.bpe`, and the rank files of tiktoken, which
 * have a line for each token: its bytes in base64, and its rank, which is its id. A rank file lists no merges; any two
 * neighbours join that make a token.
 */
import { ConfigError, FormatError, describeValue } from "../errors.ts";
import type { BPEModelParts } from "./bpe-model.ts";
import { MAX_ID, parseJSON, readObject } from "./json.ts";
import { BYTE_LEVEL_JSON } from "./pre-tokenize.ts";
import { type AddedToken, specialToken } from "./special.ts";
import { type Vocab, Vocabulary } from "./vocabulary.ts";

/** The encodings that `BPETokenizer.fromTiktoken` knows; "gpt2" is another name of "r50k_base". */
export type TiktokenName =
  "gpt2" | "r50k_base" | "p50k_base" | "p50k_edit" | "cl100k_base" | "o200k_base" | "o200k_harmony";

/** Parts of a `BPETokenizer`. */
export interface OpenAIParts extends BPEModelParts {
  readonly addedTokens: readonly AddedToken[];
  readonly preTokenizer: unknown;
  readonly postProcessor: unknown;
  readonly decoder: unknown;
}

const END = "<|endoftext|>";
const FILL_IN_MIDDLE = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"];
/** The special tokens of o200k_harmony from 199998 on; those without a name are reserved ones. */
const HARMONY = "startoftext endoftext   return constrain  channel start end message    call";
const HARMONY_COUNT = 1090;
const NAMES = ["gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony"];

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CL100K = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const O200K = [`${UPPER}*${LOWER}+`, `${UPPER}+${LOWER}*`]
  .map((word) => `[^\\r\\n\\p{L}\\p{N}]?${word}${CONTRACTIONS}?|`)
  .concat(`\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${SPACES}`)
  .join("");

/** The special tokens of an encoding. */
function specialTokens(name: TiktokenName): Map<string, number> {
  const tokens = new Map<string, number>();
  const add = (from: number, ...contents: string[]): void =>
    contents.forEach((content, i) => tokens.set(content, from + i));
  if (name === "o200k_harmony") {
    const named = HARMONY.split(" ");
    for (let i = 0; i < HARMONY_COUNT; i++) add(199998 + i, `<|${named[i] || `reserved_${199998 + i}`}|>`);
    tokens.delete("<|reserved_200018|>"); // tiktoken has two names for this id; the other one is added below
  }
  if (name.startsWith("o200k")) {
    add(199999, END);
    add(200018, "<|endofprompt|>");
  } else if (name === "cl100k_base") {
    add(100257, END, ...FILL_IN_MIDDLE);
    add(100276, "<|endofprompt|>");
  } else {
    add(50256, END);
    if (name === "p50k_edit") add(50281, ...FILL_IN_MIDDLE);
  }
  return tokens;
}

function splitJSON(regex: string): object {
  const split = { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [split, { ...BYTE_LEVEL_JSON, use_regex: false }] };
}

/** How an encoding cuts text, as the `pre_tokenizer` of a `tokenizer.json`. `argument` names the name in the error. */
export function preTokenizerOf(argument: string, name: TiktokenName): object {
  if (!NAMES.includes(name))
    throw new ConfigError(`${argument} must be one of ${NAMES.join(", ")}, got ${describeValue(name)}`, { name });
  if (name.startsWith("o200k")) return splitJSON(O200K);
  return name === "cl100k_base" ? splitJSON(CL100K) : BYTE_LEVEL_JSON;
}

/** Reads a rank file; `BPETokenizer.fromTiktoken` documents it. */
export function readTiktoken(ranks: string, name: TiktokenName): OpenAIParts {
  const preTokenizer = preTokenizerOf("fromTiktoken: name", name);
  if (typeof ranks !== "string")
    throw new FormatError(`fromTiktoken: ranks must be the text of a rank file, got ${describeValue(ranks)}`);
  const special = specialTokens(name);
  const vocab = readRanks(ranks, new Set(special.values()));
  const addedTokens = Array.from(special, ([content, id]) => specialToken(content, id));
  return {
    vocab,
    ignoreMerges: true,
    addedTokens,
    preTokenizer,
    postProcessor: BYTE_LEVEL_JSON,
    decoder: BYTE_LEVEL_JSON,
  };
}

/** A digit of base64, or a number above 63. */
function digit(code: number): number {
  if (code >= 97) return code < 123 ? code - 71 : 64;
  if (code >= 65) return code < 91 ? code - 65 : 64;
  if (code >= 48) return code < 58 ? code + 4 : 64;
  return code === 43 ? 62 : code === 47 ? 63 : 64;
}

/** Writes the bytes of base64 from `start` to `end` into `to` at `at`; returns where they end, or -1 if it is none. */
function writeBase64(text: string, start: number, end: number, to: Uint8Array, at: number): number {
  if (start === end || (end - start) % 4 > 0) return -1;
  let last = end;
  while (last > end - 2 && text.charCodeAt(last - 1) === 61) last--;
  let bits = 0;
  let count = 0;
  for (let i = start; i < last; i++) {
    const value = digit(text.charCodeAt(i));
    if (value > 63) return -1;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) to[at++] = bits >> (count -= 8);
  }
  return at;
}

/** `special` are the ids that no rank may have, and that may be missing among the ranks. */
function readRanks(text: string, special: ReadonlySet<number>): Vocabulary {
  const vocabulary = new Vocabulary(true, text.length >> 4);
  const mostRanks = Math.min(MAX_ID, text.length / 7 + special.size); // a line has at least seven characters
  for (let line = 1, start = 0, end = 0; start < text.length; line++, start = end + 1) {
    end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const stop = text[end - 1] === "\r" ? end - 1 : end;
    if (start >= stop) continue;
    const fail = (what: string): FormatError => new FormatError(`fromTiktoken: line ${line}: ${what}`, { line });
    const space = text.lastIndexOf(" ", stop);
    const to = space < start ? -1 : writeBase64(text, start, space, vocabulary.bytes, vocabulary.reserve(stop - start));
    if (to < 0) throw fail(`expected base64, a space and a rank, got ${describeValue(text.slice(start, stop))}`);
    let rank = stop > space + 1 ? 0 : NaN;
    for (let i = space + 1; i < stop; i++) {
      const value = text.charCodeAt(i) - 48;
      rank = value >= 0 && value <= 9 ? rank * 10 + value : NaN;
    }
    if (!(rank < mostRanks))
      throw fail(`the rank must be a number without holes below it, got ${describeValue(text.slice(space + 1, stop))}`);
    if (vocabulary.has(rank)) throw fail(`the rank ${rank} was given before`);
    if (special.has(rank)) throw fail(`the rank ${rank} is that of a special token`);
    const earlier = vocabulary.addBytes(rank, to);
    if (earlier >= 0) throw fail(`the token has the rank ${earlier} already`);
  }
  for (let rank = 0; rank < vocabulary.size; rank++) {
    if (!vocabulary.has(rank) && !special.has(rank))
      throw new FormatError(`fromTiktoken: no line has the rank ${rank}`, { rank });
  }
  for (let byte = 0; byte < 256; byte++) {
    if (vocabulary.find(Uint8Array.of(byte), 0, 1) < 0)
      throw new FormatError(`fromTiktoken: no line has the byte ${byte}`, { byte });
  }
  return vocabulary;
}

/** Reads GPT-2's two files; `BPETokenizer.fromGPT2` documents it. */
export function readGPT2(encoderJSON: string | object, vocabBPE: string): OpenAIParts {
  const json = typeof encoderJSON === "string" ? parseJSON(encoderJSON, "encoder.json") : encoderJSON;
  const vocab = readObject(json, "encoder.json") as Vocab & object;
  if (typeof vocabBPE !== "string")
    throw new FormatError(`fromGPT2: vocabBPE must be the text of vocab.bpe, got ${describeValue(vocabBPE)}`);
  const merges = vocabBPE.split(/\r?\n/).filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  const end = Object.hasOwn(vocab, END) ? (vocab as Readonly<Record<string, number>>)[END] : undefined;
  const addedTokens = end === undefined ? [] : [specialToken(END, end)];
  const byteLevel = { preTokenizer: BYTE_LEVEL_JSON, postProcessor: BYTE_LEVEL_JSON, decoder: BYTE_LEVEL_JSON };
  return { vocab, merges, addedTokens, ...byteLevel };
}
