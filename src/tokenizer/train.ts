/**
 * Learning a BPE vocabulary (Sennrich et al. 2016, algorithm 1): count all neighbouring pairs of symbols in the words of a
 * text, join the most frequent one everywhere, and repeat. Only distinct words are kept, each with its number of
 * occurrences; `corpus.ts` keeps the counts of the pairs up to date.
 */
import { ConfigError, checkInteger, checkOptions, checkSignal, describeValue, throwIfAborted } from "../errors.ts";
import { turns } from "../turn.ts";
import { byteSymbols, writeUTF8 } from "./byte-level.ts";
import { Corpus } from "./corpus.ts";
import { MAX_ID } from "./json.ts";
import { BYTE_LEVEL_JSON, type PieceEnd, readPreTokenizer } from "./pre-tokenize.ts";
import { type AddedToken, specialToken } from "./special.ts";
import { type TiktokenName, preTokenizerOf } from "./tiktoken.ts";
import { Vocabulary } from "./vocabulary.ts";

/** How far a training has come. */
export interface BPETrainProgress {
  /** Merges learnt so far; 0 while the text is read. */
  merges: number;
  /** The number of merges wanted; while the text is read, the vocabSize wanted. */
  total: number;
  /** While the text is read: UTF-16 units read so far. */
  characters?: number;
}

/** Options of `BPETokenizer.train` and `trainAsync`. */
export type BPETrainOptions = {
  /** Number of tokens to reach, special tokens and bytes included. The result has fewer if the text has no more pairs. */
  vocabSize: number;
  /** Strings of at least two characters that become special tokens; they get the first ids, in this order. Default none. */
  specialTokens?: readonly string[];
  /** How text is cut into words: as this encoding of tiktoken does it, such as "cl100k_base" or "o200k_base". Default "gpt2". */
  pattern?: TiktokenName;
  /** How often a pair must occur to be merged. Default 2: a pair seen once is no pattern. */
  minFrequency?: number;
  /**
   * No merge makes a token of more bytes than this. Default no limit. (The `max_token_length` of the Hugging Face trainer
   * stops one byte earlier: 9 there is 8 here.)
   */
  maxTokenLength?: number;
  /** Called now and then and at the end. */
  onProgress?: (progress: BPETrainProgress) => void;
  /** Stops the training with an AbortError. */
  signal?: AbortSignal;
} & (
  | {
      /** The symbols to begin with: all 256 bytes, so that any text can be encoded, or only those in the text. Default "bytes". */
      initialAlphabet?: "bytes";
      limitAlphabet?: undefined;
    }
  | {
      initialAlphabet: "observed";
      /** Keeps only so many bytes, the most frequent ones; words are learnt as if the others were not there. Default all. */
      limitAlphabet?: number;
    }
);

/** One learnt merge: the two spellings that are joined. */
export type Merge = readonly [left: string, right: string];

/** What training finds out: the parts of a tokenizer. */
export interface LearntBPE {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly Merge[];
  readonly addedTokens: readonly AddedToken[];
  readonly preTokenizer: object;
  readonly postProcessor: object;
  readonly decoder: object;
}

const OPTIONS: readonly string[] = [
  "vocabSize",
  "specialTokens",
  "pattern",
  "minFrequency",
  "maxTokenLength",
  "initialAlphabet",
  "limitAlphabet",
  "onProgress",
  "signal",
];
const PROGRESS_EVERY = 64;
/** UTF-16 units to read between two yields. */
const READ_STEP = 1 << 16;

/** Learns a byte-level vocabulary; `BPETokenizer.train` documents it. */
export function learnBPE(text: string | Iterable<string>, o: BPETrainOptions): LearntBPE {
  const training = new Training(o);
  for (const part of eachText(text)) for (const _ of training.read(part)) throwIfAborted(o.signal, "train");
  for (const steps = training.learn(); ;) {
    throwIfAborted(o.signal, "train");
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same with turns of the event loop in between, from texts that may come over time. */
export async function learnBPEAsync(
  texts: string | Iterable<string> | AsyncIterable<string>,
  o: BPETrainOptions,
): Promise<LearntBPE> {
  const training = new Training(o);
  const turn = turns();
  let index = 0;
  for await (const part of checkTexts(texts, true)) {
    for (const _ of training.read(checkText(part, index++))) {
      await turn();
      throwIfAborted(o.signal, "train");
    }
  }
  for (const steps = training.learn(); ; await turn()) {
    throwIfAborted(o.signal, "train");
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** One training: reads texts, then learns from their words. Both yield now and then. */
class Training {
  readonly #options: BPETrainOptions;
  readonly #preTokenizer: object; // of the tokenizer.json
  readonly #pieceEnd: PieceEnd;
  readonly #words = new Vocabulary(true); // distinct words by their bytes
  readonly #frequencies: number[] = []; // how often each word occurs
  #characters = 0; // read so far
  #nextYield = READ_STEP; // the number of characters at which it is due

  constructor(o: BPETrainOptions) {
    checkTrainOptions(o);
    this.#options = o;
    this.#preTokenizer = preTokenizerOf("train: pattern", o.pattern ?? "gpt2");
    this.#pieceEnd = (readPreTokenizer(this.#preTokenizer).stages[0] as { cut: PieceEnd }).cut; // a split is its only stage
  }

  /** Counts the words (pieces of the split) of a text. */
  *read(text: string): Generator<void> {
    const words = this.#words;
    const frequencies = this.#frequencies;
    const pieceEnd = this.#pieceEnd;
    for (let start = 0, end = 0; start < text.length; start = end) {
      end = pieceEnd(text, start, text.length);
      const from = words.reserve(3 * (end - start));
      const to = writeUTF8(text, start, end, words.bytes, from);
      const known = words.find(words.bytes, from, to);
      if (known < 0) words.addBytes(frequencies.push(1) - 1, to);
      else frequencies[known]++;
      this.#characters += end - start;
      if (this.#characters < this.#nextYield) continue;
      this.#nextYield = this.#characters + READ_STEP;
      const { onProgress, vocabSize } = this.#options;
      onProgress?.({ merges: 0, total: vocabSize, characters: this.#characters });
      yield;
    }
  }

  /** Learns merges from the words. */
  *learn(): Generator<void, LearntBPE> {
    const { vocabSize, specialTokens = [], minFrequency = 2, maxTokenLength = Infinity, onProgress } = this.#options;
    const spellings = [...specialTokens, ...this.#alphabet()];
    const vocab = new Map(spellings.map((spelling, id) => [spelling, id]));
    const total = vocabSize - vocab.size;
    if (total < 0) {
      const special = specialTokens.length;
      const need = `${special} special tokens and ${vocab.size - special} bytes need ${vocab.size}`;
      throw fail(`vocabSize ${vocabSize} is too small: ${need}`, { vocabSize, needed: vocab.size });
    }
    const merges = new Map<number, Merge>(); // by left id · vocabSize + right id
    const corpus = new Corpus(this.#words, this.#frequencies, minFrequency, maxTokenLength);
    yield* corpus.load(
      this.#words,
      byteSymbols.map((symbol) => vocab.get(symbol)),
    );
    while (vocab.size < vocabSize) {
      const pair = corpus.mostFrequent();
      if (pair < 0) break;
      const left = corpus.left[pair];
      const right = corpus.right[pair];
      const spelling = spellings[left] + spellings[right];
      let id = vocab.get(spelling); // "ab" + "c" may have been there before "a" + "bc"
      if (id === undefined) vocab.set(spelling, (id = spellings.push(spelling) - 1));
      if (id < specialTokens.length) continue; // else plain text could turn into a special token
      const key = left * vocabSize + right;
      if (!merges.has(key)) merges.set(key, [spellings[left], spellings[right]]);
      yield* corpus.merge(pair, id);
      if (merges.size % PROGRESS_EVERY === 0) onProgress?.({ merges: merges.size, total });
      yield;
    }
    onProgress?.({ merges: merges.size, total });
    return {
      vocab,
      merges: [...merges.values()],
      addedTokens: specialTokens.map(specialToken),
      preTokenizer: this.#preTokenizer,
      postProcessor: BYTE_LEVEL_JSON,
      decoder: BYTE_LEVEL_JSON,
    };
  }

  /** The symbols to begin with, in the order of their characters, as the Hugging Face trainer gives them ids. */
  #alphabet(): string[] {
    const words = this.#words;
    const { initialAlphabet, limitAlphabet } = this.#options;
    if (words.size === 0) throw fail("the text is empty; pass the text to learn from, or a list of texts");
    const symbols = [...byteSymbols].sort();
    if (initialAlphabet !== "observed") return symbols;
    const counts = new Float64Array(256);
    for (let word = 0; word < words.size; word++)
      for (let i = words.start(word); i < words.end(word); i++) counts[words.bytes[i]] += this.#frequencies[word];
    const countOf = (symbol: string): number => counts[byteSymbols.indexOf(symbol)];
    const observed = symbols.filter(countOf).sort((a, b) => countOf(b) - countOf(a));
    return observed.slice(0, limitAlphabet).sort();
  }
}

function fail(problem: string, details?: Record<string, unknown>): ConfigError {
  return new ConfigError(`train: ${problem}`, details);
}

function checkTrainOptions(o: BPETrainOptions): void {
  checkOptions("train", o ?? {}, OPTIONS);
  checkInteger("train", "vocabSize", o?.vocabSize, 1, MAX_ID + 1);
  for (const name of ["minFrequency", "maxTokenLength", "limitAlphabet"] as const)
    if (o[name] !== undefined) checkInteger("train", name, o[name], 1);
  const { initialAlphabet = "bytes", limitAlphabet, onProgress } = o;
  if (initialAlphabet !== "bytes" && initialAlphabet !== "observed")
    throw fail(`initialAlphabet must be "bytes" or "observed", got ${describeValue(initialAlphabet)}`);
  if (limitAlphabet !== undefined && initialAlphabet === "bytes")
    throw fail('limitAlphabet needs initialAlphabet "observed"; "bytes" keeps all 256');
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw fail(`onProgress must be a function, got ${describeValue(onProgress)}`);
  checkSignal(o.signal, "train");
  checkSpecialTokens(o.specialTokens);
}

/** Checks a list of special tokens for training: strings of two characters or more, none of them twice. */
export function checkSpecialTokens(specialTokens: readonly string[] = []): readonly string[] {
  if (!Array.isArray(specialTokens))
    throw fail(`specialTokens must be a list of strings, got ${nameOf(specialTokens)}`);
  for (const [i, special] of specialTokens.entries()) {
    if (typeof special !== "string" || [...special].length < 2) {
      const must = 'must be a string of at least two characters, such as "<|endoftext|>"';
      throw fail(`specialTokens[${i}] ${must}, got ${describeValue(special)}`);
    }
    if (specialTokens.indexOf(special) < i)
      throw fail(`specialTokens has ${describeValue(special)} twice`, { special });
  }
  return specialTokens;
}

/** A text or several as a list that can be walked through once; throws a ConfigError for anything else. */
export function* eachText(text: string | Iterable<string>): Generator<string> {
  let index = 0;
  for (const part of checkTexts(text)) yield checkText(part, index++);
}

/** A text or several as a list; what is in the list is not looked at. */
function checkTexts<T extends Iterable<string> | AsyncIterable<string>>(
  texts: string | T,
  async?: boolean,
): T | string[] {
  if (typeof texts === "string") return [texts];
  const each = texts as Partial<Iterable<string> & AsyncIterable<string>> | null | undefined;
  if (each?.[Symbol.iterator] || (async && each?.[Symbol.asyncIterator])) return texts;
  throw fail(`text must be a string or a list of strings, got ${nameOf(texts)}`);
}

/** Lone surrogates, which no encoding can express, become U+FFFD as in `encode`. */
function checkText(text: unknown, index: number): string {
  if (typeof text === "string") return text.replace(/\p{Surrogate}/gu, "\uFFFD");
  throw fail(`text ${index} must be a string, got ${nameOf(text)}`, { index });
}

function nameOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
