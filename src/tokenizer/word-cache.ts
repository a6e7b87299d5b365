/**
 * The tokens of words met before. Text repeats itself (Zipf's law), so most words are answered from here, short ones in some 20 ns.
 * A new word takes the place of an older one, so that memory is fixed (8 MB) and nothing is ever cleared.
 *
 * Nearly all words have at most 12 characters of Latin-1, which fit into three numbers: those are packed while they are read, and
 * compared by the number. Other words are compared unit by unit.
 */
import type { TokenList } from "./token-list.ts";

/**
 * Pairs of places for short words, and the numbers in a place: three of the packed word, length + 256 · token count, up to four
 * tokens. A pair fills a cache line; a new word takes its first place, and the one that was there moves to the second.
 */
const SHORT_PAIRS = 1 << 16;
const SHORT_STRIDE = 8;
const SHORT_LENGTH = 12;
/** Pairs of places for other words: hash, length + 256 · token count, then the word (two units a number) and the tokens as far as they fit. */
const LONG_PAIRS = 1 << 14;
const LONG_STRIDE = 32;
const LONG_LENGTH = 48;
/** "▁" begins every word of a SentencePiece vocabulary; it is packed as a control character that no text has. */
const SPACE_MARK = 0x2581;
const PACKED_MARK = 0x9f;

/** Remembers words. */
export class WordCache {
  #short: Int32Array = new Int32Array(0);
  #long: Int32Array = new Int32Array(0);
  #longUnits: Uint16Array = new Uint16Array(0); // the same memory
  /** Where the word of the last `recall` belongs, and what was found out about it. */
  #pair = -1; // of short words
  #place = -1; // of other ones, and of short ones that have many tokens
  #hash = 0;
  #packed0 = 0;
  #packed1 = 0;
  #packed2 = 0;

  /** Appends the tokens of a word if it is known, and says whether it is. */
  recall(text: string, start: number, end: number, tokens: TokenList): boolean {
    const length = end - start;
    let wide = 0;
    this.#pair = -1;
    if (length <= SHORT_LENGTH) {
      let packed0 = 0;
      let packed1 = 0;
      let packed2 = 0;
      for (let i = start; i < end; i++) {
        let unit = text.charCodeAt(i);
        if (unit >= PACKED_MARK) unit = unit === SPACE_MARK ? PACKED_MARK : unit === PACKED_MARK ? SPACE_MARK : unit;
        wide |= unit;
        packed2 = (packed2 << 8) | (packed1 >>> 24);
        packed1 = (packed1 << 8) | (packed0 >>> 24);
        packed0 = (packed0 << 8) | unit;
      }
      if (wide < 0x100) {
        const numbers = this.#short;
        const hash = Math.imul(packed0, 0x1e3779b1) ^ Math.imul(packed1, 0x05ebca6b) ^ Math.imul(packed2, 0x27d4eb2f);
        const pair = ((hash ^ (hash >>> 15)) & (SHORT_PAIRS - 1)) * (2 * SHORT_STRIDE);
        for (let at = pair; at <= pair + SHORT_STRIDE; at += SHORT_STRIDE) {
          if (numbers[at] !== packed0 || numbers[at + 1] !== packed1 || numbers[at + 2] !== packed2) continue;
          const header = numbers[at + 3];
          if ((header & 0xff) !== length) continue;
          for (let i = at + 4; i < at + 4 + (header >> 8); i++) tokens.push(numbers[i]);
          return true;
        }
        this.#pair = pair;
        this.#packed0 = packed0;
        this.#packed1 = packed1;
        this.#packed2 = packed2;
      }
    }
    return this.#recallLong(text, start, end, tokens);
  }

  /** Remembers for the word of the last `recall`, which it did not know, that its tokens are those of the list from `from` on. */
  remember(text: string, start: number, end: number, tokens: TokenList, from: number): void {
    const length = end - start;
    const count = tokens.length - from;
    if (this.#short.length === 0) {
      this.#short = new Int32Array(2 * SHORT_PAIRS * SHORT_STRIDE);
      this.#long = new Int32Array(2 * LONG_PAIRS * LONG_STRIDE);
      this.#longUnits = new Uint16Array(this.#long.buffer);
    }
    let numbers = this.#short;
    let at = this.#place;
    if (this.#pair >= 0 && count <= SHORT_STRIDE - 4) {
      at = this.#pair;
      numbers.copyWithin(at + SHORT_STRIDE, at, at + SHORT_STRIDE);
      numbers[at++] = this.#packed0;
      numbers[at++] = this.#packed1;
      numbers[at++] = this.#packed2;
      numbers[at++] = length + (count << 8);
    } else {
      const keySize = (length + 1) >> 1;
      if (at < 0 || 2 + keySize + count > LONG_STRIDE) return;
      numbers = this.#long;
      numbers.copyWithin(at + LONG_STRIDE, at, at + LONG_STRIDE);
      numbers[at++] = this.#hash;
      numbers[at++] = length + (count << 8);
      for (let i = 0; i < length; i++) this.#longUnits[2 * at + i] = text.charCodeAt(start + i);
      at += keySize;
    }
    for (let i = 0; i < count; i++) numbers[at + i] = tokens.ids[from + i];
  }

  #recallLong(text: string, start: number, end: number, tokens: TokenList): boolean {
    this.#place = -1;
    const length = end - start;
    if (length > LONG_LENGTH) return false;
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 0x1e3779b1) + text.charCodeAt(i)) | 0;
    const numbers = this.#long;
    const pair = ((hash ^ (hash >>> 15)) & (LONG_PAIRS - 1)) * (2 * LONG_STRIDE);
    this.#place = pair;
    this.#hash = hash;
    for (let at = pair; at <= pair + LONG_STRIDE; at += LONG_STRIDE) {
      if (numbers[at] !== hash || (numbers[at + 1] & 0xff) !== length) continue;
      const key = 2 * at + 4 - start;
      let i = start;
      while (i < end && this.#longUnits[key + i] === text.charCodeAt(i)) i++;
      if (i < end) continue;
      const first = at + 2 + ((length + 1) >> 1);
      for (let j = first; j < first + (numbers[at + 1] >> 8); j++) tokens.push(numbers[j]);
      return true;
    }
    return false;
  }
}
