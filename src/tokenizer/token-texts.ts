/**
 * What each token stands for when it is written out: its bytes as the decoder makes them, found once for each token and kept
 * in one array, so that decoding a text is copying from there.
 */
import { TokenizerError } from "../errors.ts";
import type { Decoder } from "./decode.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Bytes of a token that are copied as two numbers. */
const HEAD = 8;
/** A buffer for more bytes than this is given back after use. */
const KEPT = 1 << 18;

/** The bytes of tokens. */
export class TokenTexts {
  readonly #vocabulary: Vocabulary;
  readonly #added: ReadonlyMap<number, string>;
  readonly #decoder: Decoder;
  readonly #vocabSize: number;
  #bytes: Uint8Array = new Uint8Array(1 << 10);
  #used = 1;
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0); // 0 where not yet looked up
  /** The first eight bytes of each token as two numbers: most tokens have no more, and two writes take less than a loop. */
  #heads: Int32Array = new Int32Array(0);
  /** Where lists are joined. */
  #joined: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 10);

  /** `added` has the strings of added tokens, which are plain text even where the vocabulary spells bytes. */
  constructor(vocabulary: Vocabulary, added: ReadonlyMap<number, string>, decoder: Decoder, vocabSize: number) {
    this.#vocabulary = vocabulary;
    this.#added = added;
    this.#decoder = decoder;
    this.#vocabSize = vocabSize;
  }

  /**
   * The bytes of one token, to be read at once. Throws a TokenizerError for an unknown id; `index` is its place in a list, and
   * `first` says whether it begins a text.
   */
  bytes(token: number, operation: string, index?: number, first: boolean = false): Uint8Array {
    this.#find(token, operation, index);
    const { firstBytes } = this.#decoder;
    if (first && firstBytes) return firstBytes(this.#spelling(token) as string);
    return this.#bytes.subarray(this.#starts[token], this.#ends[token]);
  }

  /** The bytes of a list of tokens, without those in `skipped`; to be read before the next call. */
  join(tokens: Iterable<number>, skipped: ReadonlySet<number> | undefined): Uint8Array {
    let joined = this.#joined;
    let view = new DataView(joined.buffer);
    let size = 0;
    let index = 0;
    let first = this.#decoder.firstBytes !== undefined;
    for (const token of tokens) {
      let end = typeof token === "number" ? this.#ends[token] : 0;
      if (!(end > 0)) {
        this.#find(token, "decode", index);
        end = this.#ends[token];
      }
      index++;
      if (skipped?.has(token)) continue;
      const from = this.#starts[token];
      if (size + end - from + HEAD > joined.length) {
        const grown = new Uint8Array(2 * (size + end - from + HEAD));
        grown.set(joined);
        joined = grown;
        view = new DataView(joined.buffer);
      }
      if (first) {
        first = false;
        const bytes = this.bytes(token, "decode", index, true);
        joined.set(bytes); // what is taken off the front only makes it shorter
        size = bytes.length;
        continue;
      }
      view.setInt32(size, this.#heads[2 * token], true);
      view.setInt32(size + 4, this.#heads[2 * token + 1], true);
      for (let i = from + HEAD; i < end; i++) joined[size + i - from] = this.#bytes[i];
      size += end - from;
    }
    if (joined.length <= KEPT) this.#joined = joined;
    return joined.subarray(0, size);
  }

  #find(token: number, operation: string, index: number | undefined): void {
    if (this.#ends.length === 0) {
      this.#starts = new Int32Array(this.#vocabSize);
      this.#ends = new Int32Array(this.#vocabSize);
      this.#heads = new Int32Array(2 * this.#vocabSize);
    }
    const known = typeof token === "number" && this.#ends[token] > 0;
    if (known) return;
    const spelling = typeof token === "number" ? this.#spelling(token) : undefined;
    if (spelling === undefined) {
      const vocabSize = this.#vocabSize;
      const place = index === undefined ? "" : ` at index ${index}`;
      throw new TokenizerError(
        `${operation}: no token has the id ${String(token)}${place}; vocabSize is ${vocabSize}`,
        { token, index, vocabSize },
      );
    }
    const plain = this.#vocabulary.byteLevel && this.#added.has(token);
    const bytes = plain ? new TextEncoder().encode(spelling) : this.#decoder.bytes(spelling);
    if (this.#used + bytes.length > this.#bytes.length) {
      const grown = new Uint8Array(2 * (this.#used + bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#used);
    this.#starts[token] = this.#used;
    this.#used += bytes.length;
    this.#ends[token] = this.#used;
    new Uint8Array(this.#heads.buffer, 8 * token, HEAD).set(bytes.subarray(0, HEAD));
  }

  #spelling(token: number): string | undefined {
    return this.#added.get(token) ?? this.#vocabulary.spelling(token);
  }
}
