/**
 * The model stage of byte-pair encoding: one piece of text in, its tokens out. `textbook.ts` is the definition; here is
 * what makes it fast. Most pieces are words met before (`word-cache.ts`), most others are a token as they stand
 * (`vocabulary.ts`), and only the rest is merged (`merge.ts`).
 */
import { FormatError, TokenizerError } from "../errors.ts";
import { byteSymbols, writeUTF8 } from "./byte-level.ts";
import { byteTokenName } from "./decode.ts";
import { malformed } from "./json.ts";
import { Merger } from "./merge.ts";
import { PairMap } from "./pair-map.ts";
import type { Model, ModelJSON } from "./pipeline.ts";
import type { PieceEnd } from "./pre-tokenize.ts";
import type { Merge } from "./train.ts";
import type { TokenList } from "./token-list.ts";
import { type Vocab, Vocabulary } from "./vocabulary.ts";
import { WordCache } from "./word-cache.ts";

/** What a BPE model knows. */
export interface BPEModelParts {
  /** Spelling → id, for single symbols and for everything that merges make; as a map, an object, or a `Vocabulary`. */
  readonly vocab: Vocab | Vocabulary;
  /**
   * In the order in which they were learnt: earlier ones are applied first. Each is a pair, or a string "a b". Left out, the
   * merges are implied: two neighbours join if the vocabulary has a token for both together, that of lowest rank first.
   */
  readonly merges?: readonly (Merge | string)[];
  /** Rank of every id where merges are implied. Left out, the id is the rank. */
  readonly ranks?: ArrayLike<number>;
  /** Whether a piece that is in the vocabulary is that token, however it would merge. Default false. */
  readonly ignoreMerges?: boolean;
  /** The token for what the vocabulary lacks; without one, that is an error. */
  readonly unkToken?: string;
  /** Whether neighbouring unknown characters make one unknown token. */
  readonly fuseUnk?: boolean;
  /** Whether a character that the vocabulary lacks is written as its bytes, `<0x00>` to `<0xFF>`. */
  readonly byteFallback?: boolean;
}

/** SentencePiece's space. */
const SPACE_MARK = "▁";
const SPACE_MARK_UNIT = 0x2581;
/** A buffer for more bytes than this is given back after use. */
const KEPT_BYTES = 1 << 16;

/** Cuts a piece of text into symbols and merges them. */
export class BPEModel implements Model {
  readonly vocabulary: Vocabulary;
  readonly #parts: BPEModelParts;
  readonly #merger: Merger;
  readonly #cache = new WordCache();
  readonly #listed: Int32Array | undefined; // [left, right] of each merge
  readonly #byteIds: Int32Array; // -1 where a byte has no token
  readonly #allBytes: boolean;
  readonly #unkId: number;
  #bytes: Uint8Array = new Uint8Array(256); // UTF-8 of the piece
  #places: Int32Array = new Int32Array(0); // [start, end) in the text of the character that each symbol belongs to

  /**
   * @param byteLevel whether the symbols are bytes (spelt as in `byte-level.ts`) or characters
   * @throws FormatError if a merge or the unknown token is not in the vocabulary
   */
  constructor(parts: BPEModelParts, byteLevel: boolean) {
    const { vocab, merges, ranks, unkToken } = parts;
    const vocabulary = vocab instanceof Vocabulary ? vocab : Vocabulary.from(vocab, byteLevel, merges?.length);
    this.vocabulary = vocabulary;
    this.#parts = parts;
    this.#unkId = unkToken === undefined ? -1 : (vocabulary.idOf(unkToken) ?? -1);
    if (unkToken !== undefined && this.#unkId < 0) {
      const message = `tokenizer.json: model.unk_token ${JSON.stringify(unkToken)} is not in model.vocab`;
      throw new FormatError(message, { unkToken });
    }
    this.#byteIds = Int32Array.from(
      byteSymbols,
      (symbol, byte) => vocabulary.idOf(byteLevel ? symbol : byteTokenName(byte)) ?? -1,
    );
    this.#allBytes = !this.#byteIds.includes(-1);
    if (merges === undefined) {
      this.#merger = new Merger({ vocabulary, ranks });
      return;
    }
    const pairs = new PairMap(merges.length);
    const made = new Int32Array(merges.length);
    this.#listed = new Int32Array(2 * merges.length);
    for (let rank = 0, joined = 0; rank < merges.length; rank++) {
      const [left, right] = readMerge(merges[rank], rank);
      const idOf = (spelling: string): number => {
        const id = vocabulary.idOf(spelling);
        if (id !== undefined) return id;
        const message = `tokenizer.json: model.merges[${rank}] needs ${JSON.stringify(spelling)}, which is not in model.vocab`;
        throw new FormatError(message, { rank, spelling });
      };
      const leftId = (this.#listed[2 * rank] = idOf(left));
      const rightId = (this.#listed[2 * rank + 1] = idOf(right));
      pairs.set(leftId, rightId, rank);
      // Files list merges in the order of the ids that they make, and a right guess saves a search.
      joined = vocabulary.isPair(joined + 1, leftId, rightId) ? joined + 1 : idOf(left + right);
      made[rank] = joined;
    }
    this.#merger = new Merger({ vocabulary, pairs, made });
  }

  encode(text: string, start: number, end: number, at: number, tokens: TokenList, spans?: number[]): void {
    if (spans === undefined && this.#cache.recall(text, start, end, tokens)) return;
    const from = tokens.length;
    this.#encode(text, start, end, at, tokens, spans);
    if (spans === undefined) this.#cache.remember(text, start, end, tokens, from);
  }

  /**
   * Where a text that no pre-tokenizer cuts may be cut without changing its tokens, so that words can be remembered: between two
   * characters that no token has next to each other, as a rule before every "▁". Undefined where nothing is gained, or
   * where unknown characters and bytes join too.
   */
  wordEnd(): PieceEnd | undefined {
    const { vocabulary } = this;
    const { fuseUnk, byteFallback } = this.#parts;
    if (vocabulary.byteLevel || vocabulary.idOf(SPACE_MARK) === undefined) return undefined;
    const alone = byteFallback ? this.#allBytes : !fuseUnk;
    const bytes = new Set(this.#byteIds);
    if (!alone || this.#listed?.some((id) => bytes.has(id))) return undefined;
    const seen = new Uint8Array(1 << 16); // by the kinds of two neighbours; some characters share a kind
    for (const [spelling] of vocabulary.entries())
      for (let i = 1; i < spelling.length; i++) seen[(kindAt(spelling, i - 1) << 8) | kindAt(spelling, i)] = 1;
    return (text, start, limit) => {
      let end = start + 1;
      for (let before = kindAt(text, start); end < limit; end++) {
        const kind = kindAt(text, end);
        if (seen[(before << 8) | kind] === 0 && (text.charCodeAt(end) & 0xfc00) !== 0xdc00) break;
        before = kind;
      }
      return end;
    };
  }

  /** The symbols that a piece starts as, by their spellings. */
  symbols(piece: string): string[] {
    const count = this.#symbols(this.#write(piece, 0, piece.length), piece, 0, 0, undefined);
    return Array.from(
      this.#merger.ids.subarray(0, count),
      (id) => this.vocabulary.spelling(id < 0 ? ~id : id) as string,
    );
  }

  /** How early two tokens join, by their spellings; undefined if they never do. */
  rank(left: string, right: string): number | undefined {
    const { vocabulary } = this;
    return this.#merger.rank(vocabulary.idOf(left) ?? -1, vocabulary.idOf(right) ?? -1);
  }

  /** The merges in the order of their ranks; where they are implied, those that can ever happen. */
  merges(): Merge[] {
    const pairs: number[] = this.#listed ? [...this.#listed] : this.#impliedMerges();
    const spelling = (id: number): string => this.vocabulary.spelling(id) as string;
    return Array.from({ length: pairs.length / 2 }, (_, i) => [spelling(pairs[2 * i]), spelling(pairs[2 * i + 1])]);
  }

  toJSON(): ModelJSON {
    const { unkToken, fuseUnk, byteFallback, ignoreMerges } = this.#parts;
    const merges = this.merges();
    // "a b" is what every version of the format reads; it cannot express a spelling that has a space itself.
    const asPairs = merges.some(([left, right]) => left.includes(" ") || right.includes(" "));
    return {
      type: "BPE",
      dropout: null,
      unk_token: unkToken ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: fuseUnk ?? false,
      byte_fallback: byteFallback ?? false,
      ignore_merges: ignoreMerges ?? false,
      vocab: Object.fromEntries(this.vocabulary.entries()),
      merges: asPairs ? merges : merges.map((merge) => merge.join(" ")),
    };
  }

  /**
   * Where ids are ranks, a token can only come about from the two halves that are left when its own bytes are merged alone:
   * before these join, nothing has crossed its borders, so the steps inside have been the same. Ranks of SentencePiece may be equal,
   * and then the place decides, not the token: there every split of a token into two is a merge, as Hugging Face converts them.
   */
  #impliedMerges(): number[] {
    const { vocabulary } = this;
    const { bytes } = vocabulary;
    const { ranks } = this.#parts;
    const ids = Array.from({ length: vocabulary.size }, (_, id) => id);
    if (ranks === undefined && vocabulary.byteLevel) return ids.flatMap((id) => this.#lastMerge(id));
    if (ranks) ids.sort((a, b) => ranks[a] - ranks[b] || a - b);
    return ids.flatMap((id) => {
      const [start, end] = [vocabulary.start(id), vocabulary.end(id)];
      const splits: number[] = [];
      for (let at = start + 1; at < end; at++) {
        const left = vocabulary.find(bytes, start, at);
        const right = left < 0 ? -1 : vocabulary.find(bytes, at, end);
        if (right >= 0) splits.push(left, right);
      }
      return splits;
    });
  }

  /** The last merge of a byte-level token's bytes alone, or nothing if they do not become the token. */
  #lastMerge(id: number): number[] {
    const { vocabulary } = this;
    const merger = this.#merger;
    const [start, end] = [vocabulary.start(id), vocabulary.end(id)];
    merger.reserve(end - start);
    for (let i = start; i < end; i++) merger.ids[i - start] = this.#byteIds[vocabulary.bytes[i]];
    merger.merge(end - start, 2);
    const [left, right] = [merger.ids[0], merger.ids[merger.next[0]]];
    return end - start > 1 && merger.next[merger.next[0]] === end - start && vocabulary.findPair(left, right) === id
      ? [left, right]
      : [];
  }

  #encode(text: string, start: number, end: number, at: number, tokens: TokenList, spans?: number[]): void {
    const size = this.#write(text, start, end);
    if (this.#parts.ignoreMerges) {
      const whole = this.vocabulary.find(this.#bytes, 0, size);
      if (whole >= 0) {
        tokens.push(whole);
        spans?.push(start, end);
        return;
      }
    }
    const merger = this.#merger;
    if (spans && this.#places.length < 2 * size) this.#places = new Int32Array(2 * size);
    const places = spans && this.#places;
    const count = this.#symbols(size, text, start, at, places);
    merger.merge(count);
    const { ids, next } = merger;
    for (let i = 0; i < count; i = next[i]) {
      tokens.push(ids[i] < 0 ? ~ids[i] : ids[i]);
      if (places) spans.push(places[2 * i], places[2 * next[i] - 1]);
    }
  }

  /** Writes a piece into the buffer as UTF-8 and returns its length. */
  #write(text: string, start: number, end: number): number {
    const room = 3 * (end - start);
    if (this.#bytes.length < room || this.#bytes.length > Math.max(room, KEPT_BYTES))
      this.#bytes = new Uint8Array(Math.max(room, 256));
    return writeUTF8(text, start, end, this.#bytes, 0);
  }

  /**
   * Puts the ids that a piece starts as into the merger and returns how many they are. In an implied merge takes part only what is
   * spelt in the vocabulary, so the tokens that stand in for other characters are written there as ~id.
   */
  #symbols(size: number, text: string, start: number, at: number, places: Int32Array | undefined): number {
    const bytes = this.#bytes;
    this.#merger.reserve(size);
    const { ids } = this.#merger;
    const byteIds = this.#byteIds;
    const { byteLevel } = this.vocabulary;
    const { byteFallback, fuseUnk, merges } = this.#parts;
    const inert = merges === undefined && !byteLevel;
    if (byteLevel && places === undefined && this.#allBytes) {
      for (let i = 0; i < size; i++) ids[i] = byteIds[bytes[i]];
      return size;
    }
    let count = 0;
    let afterUnknown = false;
    for (let from = 0, place = start; from < size;) {
      const to = from + characterBytes(bytes[from]);
      const width = to - from === 4 ? 2 : 1;
      const own = byteLevel ? -1 : this.vocabulary.find(bytes, from, to);
      let perByte = byteLevel || (own < 0 && byteFallback === true);
      if (perByte && !byteLevel) for (let i = from; i < to; i++) perByte &&= byteIds[bytes[i]] >= 0;
      for (let i = from; i < (perByte ? to : from + 1); i++) {
        let id = perByte ? byteIds[bytes[i]] : own;
        const unknown = id < 0;
        if (unknown && fuseUnk && afterUnknown) {
          if (places) places[2 * count - 1] = place + width;
          continue;
        }
        if (unknown) id = this.#unkId;
        if (id < 0) throw unknownCharacter(String.fromCodePoint(text.codePointAt(place) as number), at + place);
        ids[count] = inert && own < 0 ? ~id : id;
        afterUnknown = unknown;
        if (places) {
          places[2 * count] = place;
          places[2 * count + 1] = place + width;
        }
        count++;
      }
      from = to;
      place += width;
    }
    return count;
  }
}

/** ASCII has a kind for each character, "▁" has its own, and all others share the rest. */
function kindAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit < 0x80 ? unit : unit === SPACE_MARK_UNIT ? 0xff : 0x80 + (unit % 0x7f);
}

/** Length in bytes of the UTF-8 character that starts with this byte. */
function characterBytes(lead: number): number {
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** A merge is written "a b", or ["a", "b"] in files since 2024. */
function readMerge(item: unknown, rank: number): Merge {
  const space = typeof item === "string" ? item.indexOf(" ") : -1;
  const pair: unknown = space < 0 ? item : [(item as string).slice(0, space), (item as string).slice(space + 1)];
  if (
    Array.isArray(pair) &&
    pair.length === 2 &&
    pair.every((half) => typeof half === "string" && half !== "" && (space < 0 || !half.includes(" ")))
  )
    return pair as unknown as Merge;
  throw malformed(`model.merges[${rank}]`, `"a b" or ["a", "b"]`, item);
}

/** The error for a character that a vocabulary cannot express, shared by all models. */
export function unknownCharacter(character: string, at: number): TokenizerError {
  const codePoint = `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0")}`;
  const message = `encode: the vocabulary has no token for ${JSON.stringify(character)} (${codePoint}) at position ${at} of the text`;
  return new TokenizerError(message, { character, position: at });
}
