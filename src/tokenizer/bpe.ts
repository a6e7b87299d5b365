/**
 * Byte-pair encoding (Sennrich et al. 2016, "Neural machine translation of rare words with subword units"): a piece of
 * text starts as single symbols, and the neighbouring pair that was learnt first is joined again and again until
 * no learnt pair is left. With bytes as symbols (Radford et al. 2019, §2.2) no text is ever out of vocabulary.
 */
import { FormatError, TokenizerError } from "../errors.ts";
import { byteSymbols } from "./byte-level.ts";
import { byteTokenName, readDecoder } from "./decode.ts";
import { Heap } from "./heap.ts";
import { readNormalizer } from "./normalize.ts";
import { PairMap } from "./pair-map.ts";
import { type Model, Pipeline } from "./pipeline.ts";
import { readPostProcessor } from "./post-process.ts";
import { BYTE_LEVEL_JSON, readPreTokenizer } from "./pre-tokenize.ts";
import { type AddedToken, specialToken } from "./special.ts";
import { type BPETrainOptions, type Merge, learnBPE } from "./train.ts";

/** What a BPE model knows. */
export interface BPEModelParts {
  /** Spelling → id, for single symbols and for everything that merges make. */
  readonly vocab: ReadonlyMap<string, number>;
  /** In the order in which they were learnt: earlier ones are applied first. */
  readonly merges: readonly Merge[];
  /** The token for what the vocabulary lacks; without one, that is an error. */
  readonly unkToken?: string;
  /** Whether neighbouring unknown characters make one unknown token. */
  readonly fuseUnk?: boolean;
  /** Whether a character that the vocabulary lacks is written as its bytes, `<0x00>` to `<0xFF>`. */
  readonly byteFallback?: boolean;
}

/** What a BPE tokenizer is made of. Its stages are given as the parts of a `tokenizer.json`; left out, one does nothing. */
export interface BPEParts extends BPEModelParts {
  readonly addedTokens: readonly AddedToken[];
  /** The `normalizer`: null, Prepend, Replace (of a string), or a Sequence of these. */
  readonly normalizer?: unknown;
  /** The `pre_tokenizer`: null (the symbols are characters) or ByteLevel (they are bytes). */
  readonly preTokenizer?: unknown;
  /** The `post_processor`: null, ByteLevel, or TemplateProcessing. */
  readonly postProcessor?: unknown;
  /** The `decoder`: ByteLevel, Fuse, or a Sequence of Replace, ByteFallback, Fuse and Strip in this order. */
  readonly decoder: unknown;
}

/** Up to this many symbols the textbook loop is faster than the heap: twice at 6 symbols, even at about 40. */
const SHORT_PIECE = 32;
/** Words to remember, and the longest one in UTF-16 units; the cache starts afresh when it is full. */
const CACHE_WORDS = 1 << 15;
const CACHE_LENGTH = 24;

/** Cuts a piece of text into symbols and merges them. */
export class BPEModel implements Model {
  readonly #parts: BPEModelParts;
  readonly #byteLevel: boolean;
  readonly #ranks: PairMap; // pair of ids → rank, the place in the list of merges
  readonly #merged: Int32Array; // rank → the id that the pair becomes
  readonly #unkId: number | undefined;
  readonly #symbolIds = new Map<string, readonly number[]>();
  readonly #cache = new Map<string, readonly number[]>();

  /**
   * @param byteLevel whether the symbols are bytes (spelt as in `byte-level.ts`) or characters
   * @throws FormatError if a merge or the unknown token is not in the vocabulary
   */
  constructor(parts: BPEModelParts, byteLevel: boolean) {
    const { vocab, merges, unkToken } = parts;
    this.#parts = parts;
    this.#byteLevel = byteLevel;
    this.#unkId = unkToken === undefined ? undefined : vocab.get(unkToken);
    if (unkToken !== undefined && this.#unkId === undefined) {
      throw new FormatError(`tokenizer.json: model.unk_token ${JSON.stringify(unkToken)} is not in model.vocab`, {
        unkToken,
      });
    }
    this.#ranks = new PairMap(merges.length);
    this.#merged = new Int32Array(merges.length);
    for (const [rank, [left, right]] of merges.entries()) {
      const idOf = (spelling: string): number => {
        const id = vocab.get(spelling);
        if (id !== undefined) return id;
        const message = `tokenizer.json: model.merges[${rank}] needs ${JSON.stringify(spelling)}, which is not in model.vocab`;
        throw new FormatError(message, { rank, spelling });
      };
      this.#ranks.set(idOf(left), idOf(right), rank);
      this.#merged[rank] = idOf(left + right);
    }
  }

  encode(piece: string, at: number, tokens: number[], spans?: number[]): void {
    if (spans !== undefined) return this.#encodeWithSpans(piece, at, tokens, spans);
    let ids = this.#cache.get(piece);
    if (ids === undefined) {
      const fresh = this.#symbols(piece, at);
      this.#merge(fresh, []);
      ids = fresh;
      if (piece.length <= CACHE_LENGTH) this.#remember(piece, ids);
    }
    for (let i = 0; i < ids.length; i++) tokens.push(ids[i]);
  }

  /** The ids of a piece before the first merge and after each one. */
  mergeSteps(piece: string): number[][] {
    const ids = this.#symbols(piece, 0);
    const steps = [[...ids]];
    this.#mergeTextbook(ids, [], steps);
    return steps;
  }

  toJSON(): object {
    const { vocab, merges, unkToken, fuseUnk, byteFallback } = this.#parts;
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
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges: asPairs ? merges.map((merge) => [...merge]) : merges.map((merge) => merge.join(" ")),
    };
  }

  #remember(piece: string, ids: readonly number[]): void {
    if (this.#cache.size >= CACHE_WORDS) this.#cache.clear();
    // V8 makes a slice of 13 units or more a view that keeps the whole text alive; this makes a copy of its own.
    this.#cache.set(piece.length < 13 ? piece : ` ${piece}`.slice(1), ids);
  }

  #encodeWithSpans(piece: string, at: number, tokens: number[], spans: number[]): void {
    const symbolSpans: number[] = [];
    const ids = this.#symbols(piece, at, symbolSpans);
    const starts = ids.map((_, i) => i);
    const symbolCount = ids.length;
    this.#merge(ids, starts);
    for (const [i, id] of ids.entries()) {
      const lastSymbol = (starts[i + 1] ?? symbolCount) - 1;
      tokens.push(id);
      spans.push(symbolSpans[2 * starts[i]], symbolSpans[2 * lastSymbol + 1]);
    }
  }

  /** The ids that a piece starts as; `spans` receives the [start, end) of the character that each one belongs to. */
  #symbols(piece: string, at: number, spans?: number[]): number[] {
    const ids: number[] = [];
    let start = 0;
    let afterUnknown = false;
    for (const character of piece) {
      const end = start + character.length;
      const symbols = this.#symbolsOf(character, at + start);
      const unknown = this.#parts.fuseUnk === true && symbols.length === 1 && symbols[0] === this.#unkId;
      if (unknown && afterUnknown) {
        if (spans !== undefined) spans[spans.length - 1] = end;
      } else {
        for (const id of symbols) {
          ids.push(id);
          spans?.push(start, end);
        }
      }
      afterUnknown = unknown;
      start = end;
    }
    return ids;
  }

  /** The ids that one character starts as: its own, those of its bytes, or the unknown token. */
  #symbolsOf(character: string, at: number): readonly number[] {
    const known = this.#symbolIds.get(character);
    if (known !== undefined) return known;
    const { vocab, byteFallback } = this.#parts;
    const byteLevel = this.#byteLevel;
    const own = byteLevel ? undefined : vocab.get(character);
    let ids: (number | undefined)[] = [own];
    if (own === undefined && (byteLevel || byteFallback)) {
      ids = Array.from(new TextEncoder().encode(character), (byte) =>
        vocab.get(byteLevel ? byteSymbols[byte] : byteTokenName(byte)),
      );
      if (!byteLevel && ids.includes(undefined)) ids = [undefined]; // all bytes or none
    }
    const symbols = ids.map((id) => {
      const symbol = id ?? this.#unkId;
      if (symbol === undefined) throw unknownCharacter(character, at);
      return symbol;
    });
    this.#symbolIds.set(character, symbols);
    return symbols;
  }

  /** Merges `ids` in place; `starts`, if not empty, keeps for each the index of its first symbol. */
  #merge(ids: number[], starts: number[]): void {
    if (ids.length <= SHORT_PIECE) this.#mergeTextbook(ids, starts);
    else this.#mergeByHeap(ids, starts);
  }

  /** The definition: look for the pair of lowest rank (the leftmost of equals), join it, start again. O(n²). */
  #mergeTextbook(ids: number[], starts: number[], steps?: number[][]): void {
    for (;;) {
      let best = -1;
      let place = 0;
      for (let i = 0; i + 1 < ids.length; i++) {
        const rank = this.#ranks.get(ids[i], ids[i + 1]);
        if (rank >= 0 && (best < 0 || rank < best)) {
          best = rank;
          place = i;
        }
      }
      if (best < 0) return;
      ids[place] = this.#merged[best];
      ids.splice(place + 1, 1);
      if (starts.length > 0) starts.splice(place + 1, 1);
      steps?.push([...ids]);
    }
  }

  /** The same in O(n log n): candidates wait in a heap, and symbols are a linked list, so that joining two moves nothing. */
  #mergeByHeap(ids: number[], starts: number[]): void {
    const count = ids.length;
    const next = Int32Array.from({ length: count }, (_, i) => i + 1); // count means: none
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const candidates = new Heap<number>((a, b) => a < b);
    const consider = (at: number): void => {
      const rank = at < 0 || next[at] === count ? -1 : this.#ranks.get(ids[at], ids[next[at]]);
      if (rank >= 0) candidates.push(rank * count + at); // sorts by rank, then by place; exact below 2^53
    };
    for (let i = 0; i < count; i++) consider(i);
    for (let candidate = candidates.pop(); candidate !== undefined; candidate = candidates.pop()) {
      const at = candidate % count;
      const rank = Math.floor(candidate / count);
      const right = next[at];
      // Since the candidate was noted, one of its halves may have gone into another merge.
      if (ids[at] < 0 || right === count || this.#ranks.get(ids[at], ids[right]) !== rank) continue;
      ids[at] = this.#merged[rank];
      ids[right] = -1;
      next[at] = next[right];
      if (next[at] < count) previous[next[at]] = at;
      consider(previous[at]);
      consider(at);
    }
    let kept = 0;
    for (let i = 0; i < count; i = next[i]) {
      if (starts.length > 0) starts[kept] = starts[i];
      ids[kept++] = ids[i];
    }
    ids.length = kept;
    if (starts.length > 0) starts.length = kept;
  }
}

/** The error for a character that a vocabulary cannot express, shared by all models. */
export function unknownCharacter(character: string, at: number): TokenizerError {
  const codePoint = `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0")}`;
  const message = `encode: the vocabulary has no token for ${JSON.stringify(character)} (${codePoint}) at position ${at} of the text`;
  return new TokenizerError(message, { character, position: at });
}

/**
 * A tokenizer whose tokens are learnt from text: frequent words become one token, rare ones several.
 *
 * ```ts
 * const tokenizer = BPETokenizer.train(text, { vocabSize: 1024, specialTokens: ["<|endoftext|>"] });
 * tokenizer.mergeSteps("lower"); // [["l","o","w","e","r"], ["lo","w","e","r"], …]
 * ```
 */
export class BPETokenizer extends Pipeline {
  /** The merges in the order in which they were learnt. */
  readonly merges: readonly Merge[];
  readonly #model: BPEModel;

  /**
   * Most callers want `BPETokenizer.train` or `tokenizerFromJSON`.
   *
   * @throws FormatError if parts are malformed or do not fit together
   * @throws TokenizerError if a part is of a type that heed does not support; the message names it
   */
  constructor(parts: BPEParts) {
    const { vocab, merges, addedTokens } = parts;
    const preTokenizer = readPreTokenizer(parts.preTokenizer);
    const normalizer = readNormalizer(parts.normalizer);
    const postProcessor = readPostProcessor(parts.postProcessor);
    const decoder = readDecoder(parts.decoder);
    const model = new BPEModel(parts, preTokenizer.byteLevel);
    super({ vocab, addedTokens, normalizer, preTokenizer, model, postProcessor, decoder });
    this.#model = model;
    this.merges = merges;
  }

  /**
   * Learns a byte-level vocabulary with GPT-2's split: the same merges in the same order as the Hugging Face trainer.
   * Special tokens get the first ids, then come the bytes, then the merges. The text is not searched for special
   * tokens: pass documents one by one instead of joining them with "<|endoftext|>".
   *
   * @throws ConfigError for an unknown option, an empty text, or a vocabSize that special tokens and bytes exceed
   * @throws AbortError if `signal` fires
   */
  static train(text: string | Iterable<string>, o: BPETrainOptions): BPETokenizer {
    const { vocab, merges } = learnBPE(text, o);
    const addedTokens = (o.specialTokens ?? []).map((content) => specialToken(content, vocab.get(content) as number));
    const byteLevel = { preTokenizer: BYTE_LEVEL_JSON, postProcessor: BYTE_LEVEL_JSON, decoder: BYTE_LEVEL_JSON };
    return new BPETokenizer({ vocab, merges, addedTokens, ...byteLevel });
  }

  /**
   * How one word is merged: its spelling as single symbols, then after each merge. `word` is taken as one piece, without
   * normalizer or split; in a byte-level vocabulary write " the" for "Ġthe".
   */
  mergeSteps(word: string): string[][] {
    const steps = this.#model.mergeSteps(word.replace(/\p{Surrogate}/gu, "\uFFFD"));
    return steps.map((ids) => ids.map((id) => this.idToToken(id) as string));
  }
}
