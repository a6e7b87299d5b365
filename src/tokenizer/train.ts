/**
 * Learning a BPE vocabulary (Sennrich et al. 2016, algorithm 1): count all neighbouring pairs of symbols in the words of a
 * text, join the most frequent one everywhere, and repeat. Counts are kept up to date instead of being made afresh:
 * each pair knows the words that it occurs in, and a merge only touches those.
 */
import { ConfigError, checkInteger, checkOptions, throwIfAborted } from "../errors.ts";
import { byteSymbols } from "./byte-level.ts";
import { Heap } from "./heap.ts";
import { MAX_ID } from "./json.ts";
import { PairMap } from "./pair-map.ts";
import { gpt2PieceEnd } from "./pre-tokenize.ts";

/** Options of `BPETokenizer.train`. */
export interface BPETrainOptions {
  /** Number of tokens to reach, special tokens and bytes included. The result has fewer if the text has no more pairs. */
  vocabSize: number;
  /** Strings of at least two characters that become special tokens; they get the first ids, in this order. Default none. */
  specialTokens?: readonly string[];
  /** How often a pair must occur to be merged. Default 2: a pair seen once is no pattern. */
  minFrequency?: number;
  /** The symbols to begin with: all 256 bytes, so that any text can be encoded, or only those in the text. Default "bytes". */
  initialAlphabet?: "bytes" | "observed";
  /** Called now and then and at the end with the merges learnt so far; `total` is the number wanted. */
  onProgress?: (progress: { merges: number; total: number }) => void;
  /** Stops the training with an AbortError. */
  signal?: AbortSignal;
}

/** One learnt merge: the two spellings that are joined. */
export type Merge = readonly [left: string, right: string];

/** What training finds out. */
export interface LearntBPE {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly Merge[];
}

const OPTIONS: readonly string[] = [
  "vocabSize",
  "specialTokens",
  "minFrequency",
  "initialAlphabet",
  "onProgress",
  "signal",
];
const PROGRESS_EVERY = 64;

/** Learns a byte-level vocabulary; `BPETokenizer.train` documents it. Memory grows with the number of distinct words. */
export function learnBPE(text: string | Iterable<string>, o: BPETrainOptions): LearntBPE {
  const specialTokens = checkTrainOptions(o);
  const wordCounts = countWords(text, o.signal);
  if (wordCounts.size === 0)
    throw new ConfigError("train: the text is empty; pass the text to learn from, or a list of texts");
  const vocab = new Map(specialTokens.map((special, id) => [special, id]));
  const special = new Set(specialTokens);
  for (const symbol of alphabet(wordCounts, o.initialAlphabet ?? "bytes")) vocab.set(symbol, vocab.size);
  const total = o.vocabSize - vocab.size;
  if (total < 0) {
    const need = `${special.size} special tokens and ${vocab.size - special.size} bytes need ${vocab.size}`;
    throw new ConfigError(`train: vocabSize ${o.vocabSize} is too small: ${need}`, {
      vocabSize: o.vocabSize,
      needed: vocab.size,
    });
  }
  const spellings = [...vocab.keys()];
  const merges: Merge[] = [];
  const corpus = new Corpus(wordCounts, vocab);
  while (vocab.size < o.vocabSize) {
    throwIfAborted(o.signal, "train");
    const pair = corpus.mostFrequent(o.minFrequency ?? 2);
    if (pair < 0) break;
    const left = spellings[corpus.left[pair]];
    const right = spellings[corpus.right[pair]];
    if (special.has(left + right)) {
      corpus.ban(pair); // else plain text could turn into a special token
      continue;
    }
    const known = vocab.get(left + right); // "ab" + "c" may have been there before "a" + "bc"
    const id = known ?? vocab.size;
    if (known === undefined) {
      vocab.set(left + right, id);
      spellings.push(left + right);
    }
    if (known === undefined || !merges.some((merge) => merge[0] === left && merge[1] === right))
      merges.push([left, right]);
    corpus.merge(pair, id);
    if (merges.length % PROGRESS_EVERY === 0) o.onProgress?.({ merges: merges.length, total });
  }
  o.onProgress?.({ merges: merges.length, total });
  return { vocab, merges };
}

function checkTrainOptions(o: BPETrainOptions): readonly string[] {
  checkOptions("train", o ?? {}, OPTIONS);
  checkInteger("train", "vocabSize", o?.vocabSize, 1, MAX_ID + 1);
  if (o.minFrequency !== undefined) checkInteger("train", "minFrequency", o.minFrequency, 1);
  if (o.initialAlphabet !== undefined && o.initialAlphabet !== "bytes" && o.initialAlphabet !== "observed") {
    throw new ConfigError(
      `train: initialAlphabet must be "bytes" or "observed", got ${JSON.stringify(o.initialAlphabet)}`,
    );
  }
  if (o.onProgress !== undefined && typeof o.onProgress !== "function") {
    throw new ConfigError(`train: onProgress must be a function, got ${typeof o.onProgress}`);
  }
  return checkSpecialTokens(o.specialTokens);
}

/** Checks a list of special tokens for training: strings of two characters or more, none of them twice. */
export function checkSpecialTokens(specialTokens: readonly string[] | undefined): readonly string[] {
  if (specialTokens === undefined) return [];
  if (!Array.isArray(specialTokens))
    throw new ConfigError(`train: specialTokens must be a list of strings, got ${typeof specialTokens}`);
  for (const [i, special] of specialTokens.entries()) {
    if (typeof special !== "string" || [...special].length < 2) {
      const got = JSON.stringify(special);
      throw new ConfigError(
        `train: specialTokens[${i}] must be a string of at least two characters, such as "<|endoftext|>", got ${got}`,
      );
    }
    if (specialTokens.indexOf(special) < i)
      throw new ConfigError(`train: specialTokens has ${JSON.stringify(special)} twice`, { special });
  }
  return specialTokens;
}

/** A text or several as a list that can be walked through once; throws a ConfigError for anything else. */
export function* eachText(text: string | Iterable<string>): Generator<string> {
  const texts = typeof text === "string" ? [text] : text;
  if (typeof texts?.[Symbol.iterator] !== "function") {
    throw new ConfigError(
      `train: text must be a string or a list of strings, got ${texts === null ? "null" : typeof texts}`,
    );
  }
  let index = 0;
  for (const part of texts) {
    if (typeof part !== "string") {
      throw new ConfigError(`train: text ${index} must be a string, got ${part === null ? "null" : typeof part}`, {
        index,
      });
    }
    yield part.replace(/\p{Surrogate}/gu, "\uFFFD");
    index++;
  }
}

/** How often each word (piece of GPT-2's split) occurs. */
function countWords(text: string | Iterable<string>, signal: AbortSignal | undefined): Map<string, number> {
  const counts = new Map<string, number>();
  for (const part of eachText(text)) {
    throwIfAborted(signal, "train");
    for (let start = 0, end = 0; start < part.length; start = end) {
      end = gpt2PieceEnd(part, start);
      const word = part.slice(start, end);
      const count = counts.get(word);
      // A long slice keeps the whole text alive in V8, so a new word is copied.
      if (count === undefined) counts.set(word.length < 13 ? word : ` ${word}`.slice(1), 1);
      else counts.set(word, count + 1);
    }
  }
  return counts;
}

/** The symbols to begin with, in the order of their characters, as the Hugging Face trainer gives them ids. */
function alphabet(wordCounts: ReadonlyMap<string, number>, kind: "bytes" | "observed"): string[] {
  if (kind === "bytes") return [...byteSymbols].sort();
  const seen = new Uint8Array(256);
  const encoder = new TextEncoder();
  for (const word of wordCounts.keys()) for (const byte of encoder.encode(word)) seen[byte] = 1;
  return byteSymbols.filter((_, byte) => seen[byte] === 1).sort();
}

/** All distinct words as symbols, with the count and the whereabouts of every neighbouring pair. */
class Corpus {
  /** Ids of the halves of each pair. */
  readonly left: number[] = [];
  readonly right: number[] = [];
  readonly #counts: number[] = []; // of each pair, over all words
  readonly #wordsOf: number[][] = []; // words where the pair occurs, or did
  readonly #pairs = new PairMap();
  readonly #symbols: Int32Array; // all words one after another; each shrinks in its place
  readonly #begin: number[] = []; // where each word begins in #symbols
  readonly #length: number[] = []; // its number of symbols
  readonly #frequency: number[] = []; // how often it occurs in the text
  readonly #queue: Heap<{ readonly pair: number; readonly count: number }>;

  constructor(wordCounts: ReadonlyMap<string, number>, vocab: ReadonlyMap<string, number>) {
    const idOfByte = byteSymbols.map((symbol) => vocab.get(symbol) as number);
    // Most frequent first, and of equals the lower pair of ids, as the Hugging Face trainer breaks ties.
    this.#queue = new Heap(
      (a, b) =>
        (b.count - a.count || this.left[a.pair] - this.left[b.pair] || this.right[a.pair] - this.right[b.pair]) < 0,
    );
    const encoder = new TextEncoder();
    const words = Array.from(wordCounts.keys(), (word) => encoder.encode(word));
    this.#symbols = new Int32Array(words.reduce((size, bytes) => size + bytes.length, 0));
    let end = 0;
    for (const bytes of words) {
      this.#begin.push(end);
      this.#length.push(bytes.length);
      for (const byte of bytes) this.#symbols[end++] = idOfByte[byte];
    }
    this.#frequency = [...wordCounts.values()];
    for (let word = 0; word < words.length; word++) {
      for (let i = 1; i < this.#length[word]; i++) {
        this.#add(this.#symbols[this.#begin[word] + i - 1], this.#symbols[this.#begin[word] + i], word);
      }
    }
    for (const [pair, count] of this.#counts.entries()) this.#queue.push({ pair, count });
  }

  /** The most frequent pair that occurs at least `minFrequency` times, taken out of the queue; -1 if there is none. */
  mostFrequent(minFrequency: number): number {
    for (let top = this.#queue.pop(); top !== undefined; top = this.#queue.pop()) {
      const count = this.#counts[top.pair];
      if (count < minFrequency) continue;
      if (count === top.count) return top.pair;
      this.#queue.push({ pair: top.pair, count }); // merges have eaten into it since it was queued
    }
    return -1;
  }

  /** Takes a pair out of the running. */
  ban(pair: number): void {
    this.#counts[pair] = -Infinity;
  }

  /** Joins the pair into `id` in every word and brings the counts of the neighbouring pairs up to date. */
  merge(pair: number, id: number): void {
    const grown = new Set<number>();
    for (const word of this.#wordsOf[pair]) this.#mergeWord(word, this.left[pair], this.right[pair], id, grown);
    for (const changed of grown) this.#queue.push({ pair: changed, count: this.#counts[changed] });
    this.#counts[pair] = 0;
    this.#wordsOf[pair] = [];
  }

  #mergeWord(word: number, left: number, right: number, id: number, grown: Set<number>): void {
    const symbols = this.#symbols;
    const begin = this.#begin[word];
    const end = begin + this.#length[word];
    let to = begin;
    for (let from = begin; from < end; from++, to++) {
      if (symbols[from] !== left || from + 1 === end || symbols[from + 1] !== right) {
        symbols[to] = symbols[from];
        continue;
      }
      from++;
      if (to > begin) {
        this.#remove(symbols[to - 1], left, word);
        grown.add(this.#add(symbols[to - 1], id, word));
      }
      if (from + 1 < end) {
        this.#remove(right, symbols[from + 1], word);
        grown.add(this.#add(id, symbols[from + 1], word));
      }
      symbols[to] = id;
    }
    this.#length[word] = to - begin;
  }

  /** Counts a pair once more for a word and returns its number. */
  #add(left: number, right: number, word: number): number {
    let pair = this.#pairs.get(left, right);
    if (pair < 0) {
      pair = this.#counts.length;
      this.#pairs.set(left, right, pair);
      this.left.push(left);
      this.right.push(right);
      this.#counts.push(0);
      this.#wordsOf.push([]);
    }
    this.#counts[pair] += this.#frequency[word];
    const words = this.#wordsOf[pair];
    if (words[words.length - 1] !== word) words.push(word);
    return pair;
  }

  #remove(left: number, right: number, word: number): void {
    this.#counts[this.#pairs.get(left, right)] -= this.#frequency[word];
  }
}
