/**
 * The tokens of a vocabulary as bytes, all in one array, with a hash table to find them by their bytes. A `Map` of strings
 * would need a string for every question; this one is asked with a stretch of a buffer, and a vocabulary of 100,000 tokens
 * is ready in some 20 ms.
 *
 * The hash is a polynomial, h(b0 … bn) = Σ b(i) · m^(n-i) modulo 2^32, because then the hash of two tokens put together
 * follows from theirs: h(ab) = h(a) · m^|b| + h(b). That answers "is there a token for these two?" without joining them.
 */
import { FormatError } from "../errors.ts";
import { byteSymbols, writeSymbols, writeUTF8 } from "./byte-level.ts";
import { MAX_ID, readInteger } from "./json.ts";
import { utf8 } from "./stream.ts";

/** Reads the entries of a vocabulary from a map or from an object that was JSON. */
export type Vocab = ReadonlyMap<string, number> | Readonly<Record<string, number>>;

/** The factor m: odd, so that no bits are lost. */
const FACTOR = 0x1e3779b1;
/** Honest vocabularies need some ten steps to a free slot; a file made of colliding tokens would take for ever. */
const MAX_STEPS = 4096;
/** Ids may leave holes, but each takes memory, so a small file must not have huge ones: so many, and so many per entry. */
const FREE_IDS = 2 ** 16;
const HOLES = 16;

/** Mixes the high bits of a polynomial hash, which are the good ones, into the low ones, which choose the slot. */
export function mixHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}

/** Token ids and their bytes. */
export class Vocabulary {
  /** Whether entries are spelt in the symbols of `byte-level.ts`. If not, their bytes are the UTF-8 of their spelling. */
  readonly byteLevel: boolean;
  /** Number of ids, counting from 0 to the greatest one. */
  size = 0;
  /** The bytes of all tokens. */
  bytes: Uint8Array;
  /** Number of bytes of the longest token. */
  longest = 0;
  #used = 1; // of `bytes`; 1, so that no entry ends at 0
  #entries: Int32Array; // [hash, start, end] per id; end = 0 where there is no such token
  #slots: Int32Array; // [hash, id + 1]; 0 marks a free slot
  #filled = 0;
  #powers = [1]; // of the factor
  /** Entries that no text can ever match, because they are no spelling of bytes, or no well-formed text. */
  readonly #oddIds = new Map<string, number>();
  readonly #oddSpellings = new Map<number, string>();

  /** `expected` is the number of tokens to make room for; it grows by itself beyond it. */
  constructor(byteLevel: boolean, expected: number = 0) {
    this.byteLevel = byteLevel;
    let capacity = 256;
    while (capacity < expected * 2) capacity *= 2;
    this.bytes = new Uint8Array(capacity * 4);
    this.#entries = new Int32Array(capacity * 1.5);
    this.#slots = new Int32Array(capacity * 2);
  }

  /** Reads a map, or the parsed JSON of one, whose ids are checked. `expected` is about the number of entries. */
  static from(vocab: Vocab, byteLevel: boolean, expected: number = 0): Vocabulary {
    const isMap = vocab instanceof Map;
    const read = new Vocabulary(byteLevel, isMap ? vocab.size : expected);
    let limit = FREE_IDS;
    const add = (spelling: string, id: number): void => {
      if (id >= limit && id <= MAX_ID) {
        const count = isMap ? vocab.size : Object.keys(vocab).length;
        limit = FREE_IDS + HOLES * count;
        if (id >= limit) throw tooSparse(spelling, id, count);
      }
      read.add(spelling, id);
    };
    if (isMap) for (const [spelling, id] of vocab as ReadonlyMap<string, number>) add(spelling, id);
    else for (const spelling in vocab) add(spelling, (vocab as Readonly<Record<string, number>>)[spelling]);
    return read;
  }

  /** Adds an entry by its spelling. Throws a FormatError if the id is none, or taken. */
  add(spelling: string, id: number): void {
    if (!(id >= 0 && id <= MAX_ID && Number.isInteger(id))) readInteger(id, `model.vocab[${JSON.stringify(spelling)}]`);
    const start = this.reserve(spelling.length * 3);
    let end = this.byteLevel
      ? writeSymbols(spelling, this.bytes, start)
      : writeUTF8(spelling, 0, spelling.length, this.bytes, start);
    const isOdd = end < 0 || (!this.byteLevel && /\p{Surrogate}/u.test(spelling));
    if (isOdd) end = writeUTF8(spelling, 0, spelling.length, this.bytes, start);
    if (this.has(id)) throw duplicate(id, this.spelling(id) as string, spelling);
    this.addBytes(id, end, isOdd);
    if (!isOdd) return;
    this.#oddIds.set(spelling, id);
    this.#oddSpellings.set(id, spelling);
  }

  /** Makes room for `count` more bytes; returns where they are to be written. */
  reserve(count: number): number {
    if (this.#used + count > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.bytes.length + count));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return this.#used;
  }

  /** Gives the id to the bytes from the place that `reserve` returned up to `end`. Returns the id that has these bytes already, or -1. */
  addBytes(id: number, end: number, hidden: boolean = false): number {
    const start = this.#used;
    const hash = this.hash(this.bytes, start, end);
    let slot = 0;
    if (!hidden) {
      if (++this.#filled * 4 > this.#slots.length) this.#growSlots();
      slot = this.#slot(hash, this.bytes, start, end);
      if (this.#slots[slot + 1] > 0) return this.#slots[slot + 1] - 1;
      this.#slots[slot] = hash;
      this.#slots[slot + 1] = id + 1;
    }
    if (3 * id + 3 > this.#entries.length) {
      const grown = new Int32Array(Math.max(2 * this.#entries.length, 3 * id + 3));
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries[3 * id] = hash;
    this.#entries[3 * id + 1] = start;
    this.#entries[3 * id + 2] = end;
    this.#used = end;
    this.longest = Math.max(this.longest, end - start);
    this.size = Math.max(this.size, id + 1);
    return -1;
  }

  /** Whether there is such a token. */
  has(id: number): boolean {
    return this.#entries[3 * id + 2] > 0;
  }

  /** Where the bytes of a token start in `bytes`. */
  start(id: number): number {
    return this.#entries[3 * id + 1];
  }

  /** Where the bytes of a token end in `bytes`. */
  end(id: number): number {
    return this.#entries[3 * id + 2];
  }

  /** The hash of a stretch of bytes. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, FACTOR) + bytes[i]) | 0;
    return hash;
  }

  /** The token that has exactly these bytes, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#slot(this.hash(bytes, start, end), bytes, start, end) + 1] - 1;
  }

  /** Whether the bytes of a token are those of `left` and then those of `right`. */
  isPair(id: number, left: number, right: number): boolean {
    const entries = this.#entries;
    const start = entries[3 * id + 1];
    const [leftStart, rightStart] = [entries[3 * left + 1], entries[3 * right + 1]];
    const leftLength = entries[3 * left + 2] - leftStart;
    const rightLength = entries[3 * right + 2] - rightStart;
    return (
      entries[3 * id + 2] - start === leftLength + rightLength &&
      this.#equal(start, this.bytes, leftStart, leftLength) &&
      this.#equal(start + leftLength, this.bytes, rightStart, rightLength)
    );
  }

  /** The token whose bytes are those of `left` and then those of `right`, or -1. */
  findPair(left: number, right: number): number {
    const entries = this.#entries;
    const rightLength = entries[3 * right + 2] - entries[3 * right + 1];
    const powers = this.#powers;
    while (powers.length <= rightLength) powers.push(Math.imul(powers[powers.length - 1], FACTOR));
    const hash = (Math.imul(entries[3 * left], powers[rightLength]) + entries[3 * right]) | 0;
    const slots = this.#slots;
    for (
      let slot = mixHash(hash) & (slots.length / 2 - 1);
      slots[2 * slot + 1] > 0;
      slot = (slot + 1) & (slots.length / 2 - 1)
    ) {
      if (slots[2 * slot] !== hash) continue;
      const id = slots[2 * slot + 1] - 1;
      if (this.isPair(id, left, right)) return id;
    }
    return -1;
  }

  /** The id of a spelling, or undefined. */
  idOf(spelling: string): number | undefined {
    const odd = this.#oddIds.get(spelling);
    if (odd !== undefined) return odd;
    const start = this.reserve(spelling.length * 3);
    const { bytes, byteLevel } = this;
    const end = byteLevel
      ? writeSymbols(spelling, bytes, start)
      : writeUTF8(spelling, 0, spelling.length, bytes, start);
    const id = end < 0 ? -1 : this.find(bytes, start, end);
    return id < 0 ? undefined : id;
  }

  /** The spelling of a token, or undefined if there is none. */
  spelling(id: number): string | undefined {
    if (!this.has(id)) return undefined;
    const odd = this.#oddSpellings.get(id);
    if (odd !== undefined) return odd;
    const bytes = this.bytes.subarray(this.start(id), this.end(id));
    return this.byteLevel ? Array.from(bytes, (byte) => byteSymbols[byte]).join("") : utf8.decode(bytes);
  }

  /** Every spelling with its id, in the order of the ids. */
  *entries(): Generator<[spelling: string, id: number]> {
    for (let id = 0; id < this.size; id++) {
      const spelling = this.spelling(id);
      if (spelling !== undefined) yield [spelling, id];
    }
  }

  /** Offset of the slot of these bytes, or of the free slot where they belong. */
  #slot(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    let slot = mixHash(hash) & mask;
    let steps = 0;
    for (; slots[2 * slot + 1] > 0; slot = (slot + 1) & mask) {
      if (++steps > MAX_STEPS) throw new FormatError("tokenizer: too many tokens of the vocabulary have the same hash");
      if (slots[2 * slot] !== hash) continue;
      const entry = 3 * (slots[2 * slot + 1] - 1);
      const from = this.#entries[entry + 1];
      if (this.#entries[entry + 2] - from === end - start && this.#equal(from, bytes, start, end - start)) break;
    }
    return 2 * slot;
  }

  #equal(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const own = this.bytes;
    for (let i = 0; i < length; i++) if (own[at + i] !== bytes[start + i]) return false;
    return true;
  }

  #growSlots(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const mask = slots.length / 2 - 1;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = mixHash(old[from]) & mask;
      while (slots[2 * slot + 1] > 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[from];
      slots[2 * slot + 1] = old[from + 1];
    }
    this.#slots = slots;
  }
}

function tooSparse(spelling: string, id: number, count: number): FormatError {
  return new FormatError(
    `tokenizer.json: the id ${id} of ${JSON.stringify(spelling)} is far beyond the ${count} entries of the vocabulary`,
    { id, count },
  );
}

/** The error for an id that two entries claim. */
export function duplicate(id: number, first: string, second: string): FormatError {
  return new FormatError(
    `tokenizer.json: the id ${id} belongs to both ${JSON.stringify(first)} and ${JSON.stringify(second)}`,
    { id },
  );
}
