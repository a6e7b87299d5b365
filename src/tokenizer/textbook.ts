/**
 * Byte-pair encoding as it is defined, in strings and lists, to be read and to be printed. Start here: `bpe-model.ts` gives the
 * same tokens a thousand times faster, and the tests hold the two against each other.
 *
 * 1. Cut the text into pieces (words, mostly), which never share a token.
 * 2. Write each piece as single symbols: one for each of its bytes, or one for each character.
 * 3. Among all neighbours that may join, join the pair of lowest rank, the leftmost of equals. Repeat until none is left.
 * 4. Look the symbols up.
 */
import { byteSymbols } from "./byte-level.ts";
import { splitGPT2 } from "./pre-tokenize.ts";
import type { Merge } from "./train.ts";

/** A BPE vocabulary, and how text is prepared for it. `BPETokenizer` has the first two as `vocab` and `merges`. */
export interface Textbook {
  /** Spelling → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** The pairs that join, in the order of their ranks. Left out, two join if the vocabulary has them as one; its id is the rank. */
  readonly merges?: readonly Merge[];
  /** Cuts a text into pieces. Default GPT-2's rule. */
  readonly split?: (text: string) => string[];
  /** Writes a piece as symbols. Default one for each byte, as in `byte-level.ts`. */
  readonly symbols?: (piece: string) => string[];
  /** Whether a piece that is in the vocabulary as it stands is not merged. Default false. */
  readonly ignoreMerges?: boolean;
}

/** A piece as the symbols of its bytes: "é" is "Ã" and "©". */
export function spellBytes(piece: string): string[] {
  return Array.from(new TextEncoder().encode(piece), (byte) => byteSymbols[byte]);
}

/**
 * A word as symbols, before the first merge and after each one. `rank` says how early two neighbours join, or undefined if they never do.
 *
 * ```ts
 * [...mergeSteps(["l", "o", "w"], (left, right) => (left + right === "lo" ? 0 : undefined))]; // [["l", "o", "w"], ["lo", "w"]]
 * ```
 */
export function* mergeSteps(
  symbols: readonly string[],
  rank: (left: string, right: string) => number | undefined,
): Generator<string[]> {
  let word = [...symbols];
  for (;;) {
    yield word;
    let place = -1;
    let lowest = Infinity;
    for (let i = 0; i + 1 < word.length; i++) {
      const found = rank(word[i], word[i + 1]) ?? Infinity;
      if (found < lowest) {
        lowest = found;
        place = i;
      }
    }
    if (place < 0) return;
    word = [...word.slice(0, place), word[place] + word[place + 1], ...word.slice(place + 2)];
  }
}

/**
 * The tokens of a text, without special tokens. A symbol that is not in the vocabulary gives -1.
 *
 * ```ts
 * encodeTextbook("lower", tokenizer, console.log); // prints "l o w e r", "lo w e r", "low e r"
 * ```
 *
 * @param print is given one line for every piece and for each of its merges
 */
export function encodeTextbook(text: string, textbook: Textbook, print?: (line: string) => void): number[] {
  const { vocab, merges, split = splitGPT2, symbols = spellBytes, ignoreMerges } = textbook;
  const ranks = merges && new Map(merges.map(([left, right], rank) => [`${left}\n${right}`, rank]));
  const tokens: number[] = [];
  for (const piece of split(text)) {
    let word = symbols(piece);
    if (ignoreMerges && vocab.has(word.join(""))) word = [word.join("")];
    const rank = (left: string, right: string): number | undefined =>
      ranks ? ranks.get(`${left}\n${right}`) : vocab.get(left + right);
    for (word of mergeSteps(word, rank)) print?.(word.join(" "));
    for (const symbol of word) tokens.push(vocab.get(symbol) ?? -1);
  }
  return tokens;
}
