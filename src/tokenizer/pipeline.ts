/**
 * The stages that every tokenizer runs, in the order of a Hugging Face `tokenizer.json`:
 *
 *     text → added tokens of the original → normalizer → added tokens of the normalized text
 *          → pre-tokenizer → model → post-processor → tokens → decoder → text
 *
 * A tokenizer differs from another only in the parts that it puts in.
 */
import { FormatError, TokenizerError, checkInteger, checkOptions } from "../errors.ts";
import { ChunkCutter, eachChunk, eachChunkAsync } from "./chunks.ts";
import type {
  ChatTemplate,
  DecodeOptions,
  EncodeOptions,
  Encoding,
  StreamDecoder,
  Tokenizer,
  TokenizerRoles,
} from "./tokenizer.ts";
import { type Decoder } from "./decode.ts";
import { type Aligned, type Normalizer, originalSpan, sliceAligned } from "./normalize.ts";
import type { PostProcessor } from "./post-process.ts";
import { type PieceEnd, type PreTokenizer, type Stage, eachPiece } from "./pre-tokenize.ts";
import { type AddedToken, AddedTokens, writeAddedTokens } from "./special.ts";
import { ByteStreamDecoder, stripStart, utf8 } from "./stream.ts";
import { TokenList } from "./token-list.ts";
import { TokenTexts } from "./token-texts.ts";
import { type Vocabulary, duplicate } from "./vocabulary.ts";

/** The stage that turns one piece of text into tokens. */
export interface Model {
  /**
   * Appends the tokens of the piece from `start` to `end` of `text` to `tokens` and, if given, the [start, end) of each within the
   * text to `spans`. `at` is where `text` starts in the input, for messages.
   */
  encode(text: string, start: number, end: number, at: number, tokens: TokenList, spans?: number[]): void;
  /** How a piece may be cut further without changing its tokens, if the model knows a way. */
  wordEnd?(): PieceEnd | undefined;
  /** The `model` of a `tokenizer.json`. */
  toJSON(): ModelJSON;
}

/** The `model` of a `tokenizer.json`: its type and settings beside the vocabulary. */
export interface ModelJSON extends Readonly<Record<string, unknown>> {
  readonly vocab: Readonly<Record<string, number>>;
}

/** What a tokenizer is made of. */
export interface PipelineParts {
  /** The model's tokens. */
  readonly vocabulary: Vocabulary;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly model: Model;
  readonly postProcessor: PostProcessor;
  readonly decoder: Decoder;
  readonly roles?: TokenizerRoles;
}

const ENCODE_OPTIONS: readonly string[] = ["allowedSpecial", "disallowedSpecial", "addSpecialTokens"];
const DECODE_OPTIONS: readonly string[] = ["skipSpecial"];
/** Tokens that are only counted are dropped whenever there are more than this. */
const COUNTED_AT_ONCE = 4096;

/** Where the tokens of a text go. */
interface Output {
  readonly tokens: TokenList;
  readonly offsets?: [number, number][];
  /** Asked after every piece whether to stop. */
  readonly full?: () => boolean;
}

/** A tokenizer put together from its stages; the base of `BPETokenizer` and `CharTokenizer`. */
export class Pipeline implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId?: number;
  readonly eosId?: number;
  readonly chatTemplate?: ChatTemplate;
  /** The special tokens with their ids. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly #parts: PipelineParts;
  readonly #added: AddedTokens;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #addedContents: ReadonlyMap<number, string>;
  readonly #specialIds: ReadonlySet<number>;
  readonly #texts: TokenTexts;
  readonly #tokens = new TokenList();
  #stages: readonly Stage[] | undefined;
  #vocab: ReadonlyMap<string, number> | undefined;

  /** @throws FormatError if two entries share an id, or the template names an id that does not exist */
  constructor(parts: PipelineParts) {
    const { vocabulary, addedTokens, postProcessor } = parts;
    this.#parts = parts;
    this.#added = new AddedTokens(addedTokens, parts.normalizer);
    this.#addedIds = new Map(addedTokens.map(({ content, id }) => [content, id]));
    this.#addedContents = new Map(addedTokens.map(({ content, id }) => [id, content]));
    checkAdded(vocabulary, addedTokens);
    this.vocabSize = addedTokens.reduce((size, { id }) => Math.max(size, id + 1), vocabulary.size);
    const special = addedTokens.filter((added) => added.special);
    this.specialTokens = new Map(special.map(({ content, id }) => [content, id]));
    this.#specialIds = new Set(special.map(({ id }) => id));
    this.#texts = new TokenTexts(vocabulary, this.#addedContents, parts.decoder, this.vocabSize);
    const { before, after } = postProcessor;
    for (const id of [...before, ...after]) {
      if (this.idToToken(id) !== undefined) continue;
      throw new FormatError(`tokenizer.json: post_processor puts in token ${id}, which is not in the vocabulary`, {
        id,
      });
    }
    const { bosToken, eosToken, chatTemplate } = parts.roles ?? {};
    const role = (token: string | null | undefined, edge: number | undefined, usual: number | undefined) =>
      token == null ? (edge ?? (token === null ? undefined : usual)) : this.tokenToId(token);
    this.bosId = role(bosToken, before[0], this.#added.bosId);
    this.eosId = role(eosToken, after[0], this.#added.eosId);
    this.chatTemplate = chatTemplate;
  }

  /** Every entry of the vocabulary with its id, added tokens included; put together at the first call. */
  get vocab(): ReadonlyMap<string, number> {
    return (this.#vocab ??= new Map([...this.#parts.vocabulary.entries(), ...this.#addedIds]));
  }

  encode(text: string, o?: EncodeOptions): number[] {
    const tokens = this.#freshList();
    this.#run("encode", text, o, { tokens });
    return tokens.take();
  }

  encodeWithOffsets(text: string, o?: EncodeOptions): Encoding {
    const tokens = this.#freshList();
    const offsets: [number, number][] = [];
    this.#run("encodeWithOffsets", text, o, { tokens, offsets });
    return { tokens: tokens.take(), offsets };
  }

  countTokens(text: string, o?: EncodeOptions): number {
    return this.#count("countTokens", text, Infinity, o);
  }

  isWithinLimit(text: string, limit: number, o?: EncodeOptions): boolean {
    checkInteger("isWithinLimit", "limit", limit, 0);
    return this.#count("isWithinLimit", text, limit, o) <= limit;
  }

  encodeChunks(chunks: Iterable<string>, o?: EncodeOptions): Generator<number[]>;
  encodeChunks(chunks: AsyncIterable<string>, o?: EncodeOptions): AsyncGenerator<number[]>;
  encodeChunks(
    chunks: Iterable<string> | AsyncIterable<string>,
    o?: EncodeOptions,
  ): Generator<number[]> | AsyncGenerator<number[]> {
    checkOptions("encodeChunks", o, ENCODE_OPTIONS);
    if (typeof chunks === "object" && chunks !== null) {
      const encode = this.#chunkEncoder(o);
      if (Symbol.asyncIterator in chunks) return eachChunkAsync(chunks, encode);
      if (Symbol.iterator in chunks) return eachChunk(chunks, encode);
    }
    throw new TokenizerError(`encodeChunks: chunks must be a list or a stream of strings, got ${typeof chunks}`);
  }

  decode(tokens: Iterable<number>, o?: DecodeOptions): string {
    checkOptions("decode", o, DECODE_OPTIONS);
    if (typeof tokens?.[Symbol.iterator] !== "function" || typeof tokens === "string") {
      throw new TokenizerError(`decode: tokens must be a list of ids, got ${typeof tokens}`);
    }
    const bytes = this.#texts.join(tokens, o?.skipSpecial ? this.#specialIds : undefined);
    const { text, count } = this.#parts.decoder.strip;
    return stripStart(utf8.decode(bytes), text, count).rest;
  }

  decoder(o?: DecodeOptions): StreamDecoder {
    checkOptions("decoder", o, DECODE_OPTIONS);
    const skipped = o?.skipSpecial ? this.#specialIds : undefined;
    const bytesOf = (token: number, index: number, first: boolean): Uint8Array | undefined =>
      skipped?.has(token) ? undefined : this.#texts.bytes(token, "decoder", index, first);
    return new ByteStreamDecoder(bytesOf, this.#parts.decoder.strip);
  }

  tokenBytes(token: number): Uint8Array {
    return this.#texts.bytes(token, "tokenBytes").slice();
  }

  tokenToId(text: string): number | undefined {
    return this.#addedIds.get(text) ?? this.#parts.vocabulary.idOf(text);
  }

  idToToken(token: number): string | undefined {
    return this.#addedContents.get(token) ?? this.#parts.vocabulary.spelling(token);
  }

  toJSON(): object {
    const { normalizer, preTokenizer, postProcessor, decoder, model, addedTokens } = this.#parts;
    // Copies, so that a caller who edits the result changes no tokenizer.
    const stages = structuredClone({
      normalizer: normalizer.json,
      pre_tokenizer: preTokenizer.json,
      post_processor: postProcessor.json,
      decoder: decoder.json,
    });
    return {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: writeAddedTokens(addedTokens),
      ...stages,
      model: placeAdded(model.toJSON(), addedTokens),
    };
  }

  /** Runs the stages over a text. `ends` says which ends of the whole input it holds. */
  #run(operation: string, source: string, o: EncodeOptions | undefined, output: Output, ends = BOTH_ENDS): void {
    checkOptions(operation, o, ENCODE_OPTIONS);
    if (typeof source !== "string") {
      throw new TokenizerError(`${operation}: text must be a string, got ${source === null ? "null" : typeof source}`);
    }
    const text = wellFormed(source);
    const { normalizer, postProcessor } = this.#parts;
    const { tokens, offsets } = output;
    const append = (token: number, start: number, end: number): void => {
      tokens.push(token);
      offsets?.push([start, end]);
    };
    const allowed = listed(o?.allowedSpecial);
    this.#refuseSpecial(operation, text, allowed, listed(o?.disallowedSpecial));
    if (o?.addSpecialTokens && ends.start) for (const token of postProcessor.before) append(token, 0, 0);
    const normalizedMatcher = this.#added.matcher(allowed, true);
    for (const segment of this.#added.matcher(allowed, false).split(text)) {
      if (segment.token >= 0) {
        append(segment.token, segment.start, segment.start + segment.text.length);
        continue;
      }
      const aligned = normalizer.normalize(segment.text, offsets !== undefined);
      for (const part of normalizedMatcher.split(aligned.text)) {
        const piece = sliceAligned(aligned, part.start, part.start + part.text.length);
        const at = segment.start + (aligned.spans ? 0 : part.start);
        if (part.token >= 0) {
          const [start, end] = originalSpan(piece, 0, part.text.length);
          append(part.token, at + start, at + end);
        } else if (this.#encodePieces(piece, at, ends.start && segment.start + part.start === 0, output)) return;
      }
    }
    if (o?.addSpecialTokens && ends.end)
      for (const token of postProcessor.after) append(token, text.length, text.length);
  }

  /** Runs pre-tokenizer and model over plain text that starts at `at`; returns whether to stop. */
  #encodePieces(aligned: Aligned, at: number, first: boolean, { tokens, offsets, full }: Output): boolean {
    const { model, preTokenizer } = this.#parts;
    if (this.#stages === undefined) {
      const cut = model.wordEnd?.();
      this.#stages = cut ? [...preTokenizer.stages, { cut }] : preTokenizer.stages;
    }
    const stages = this.#stages;
    if (stages.length === 1 && "cut" in stages[0] && offsets === undefined) {
      const { cut } = stages[0];
      const { text } = aligned;
      for (let start = 0; start < text.length;) {
        const end = cut(text, start, text.length);
        if (end > start) model.encode(text, start, end, at, tokens);
        start = end < 0 ? ~end : end;
        if (full?.()) return true;
      }
      return false;
    }
    const traced = offsets && stages.some((stage) => "rewrite" in stage) ? withSpans(aligned) : aligned;
    eachPiece(stages, traced, first, (text, start, end, from) => {
      const spans: number[] | undefined = offsets && [];
      model.encode(text, start, end, at, tokens, spans);
      if (spans === undefined) return;
      for (let i = 0; i < spans.length; i += 2) {
        const [spanStart, spanEnd] = originalSpan(from, spans[i], spans[i + 1]);
        offsets?.push([at + spanStart, at + spanEnd]);
      }
    });
    return full?.() === true;
  }

  /** The list that all calls use one after the other, emptied of what a call that failed has left. */
  #freshList(): TokenList {
    this.#tokens.length = 0;
    return this.#tokens;
  }

  /** The number of tokens of a text, or some number above `limit`. */
  #count(operation: string, text: string, limit: number, o: EncodeOptions | undefined): number {
    const tokens = this.#freshList();
    let dropped = 0;
    const full = (): boolean => {
      if (tokens.length > COUNTED_AT_ONCE) {
        dropped += tokens.length;
        tokens.length = 0;
      }
      return dropped + tokens.length > limit;
    };
    this.#run(operation, text, o, { tokens, full });
    return dropped + tokens.length;
  }

  /** Throws a TokenizerError if the text has a special token that must not be there. */
  #refuseSpecial(operation: string, text: string, allowed: Names, disallowed: Names): void {
    if (disallowed === undefined) return;
    const names = disallowed === "all" ? [...this.specialTokens.keys()] : disallowed;
    const refused =
      disallowed === "all" ? names.filter((name) => allowed !== "all" && !allowed?.includes(name)) : names;
    for (const segment of this.#added.matcher(refused, false).split(text)) {
      const content = this.#addedContents.get(segment.token) as string;
      if (segment.token < 0 || !refused.includes(content)) continue;
      const message = `${operation}: the text has the special token ${JSON.stringify(content)} at position ${segment.start}, and it is not allowed`;
      throw new TokenizerError(message, { token: content, position: segment.start });
    }
  }

  /** Encodes a text that comes in chunks; called without one at the end. */
  #chunkEncoder(o: EncodeOptions | undefined): (chunk?: string) => number[] {
    const { normalizer, preTokenizer } = this.#parts;
    const type = (normalizer.json as { type?: unknown } | null)?.type;
    const allowed = listed(o?.allowedSpecial);
    const matcher = this.#added.matcher(allowed, false);
    const normalizedMatcher = this.#added.matcher(allowed, true);
    const composes = type !== undefined && (type !== "NFC" || this.#added.list.some((added) => added.normalized));
    const cutter = new ChunkCutter(
      preTokenizer.spaceStartsPiece === true && !composes,
      this.#added.list.reduce((longest, { content }) => Math.max(longest, content.length), 0) + 1,
      (text) =>
        matcher
          .split(text)
          .flatMap((segment) =>
            segment.token >= 0
              ? segment
              : normalizedMatcher.split(segment.text).map((part) => ({ ...part, start: segment.start + part.start })),
          ),
    );
    let start = true;
    return (chunk) => {
      const text = chunk === undefined ? cutter.rest() : cutter.push(chunk);
      if (text === "" && chunk !== undefined) return [];
      const tokens = this.#freshList();
      this.#run(
        "encodeChunks",
        text,
        { ...o, allowedSpecial: allowed },
        { tokens },
        { start, end: chunk === undefined },
      );
      start = false;
      return tokens.take();
    };
  }
}

const BOTH_ENDS = { start: true, end: true };

/** Makes lone surrogates U+FFFD. Asking first, where the engine is new enough to know, spares most texts the search. */
function wellFormed(text: string & { isWellFormed?: () => boolean }): string {
  return text.isWellFormed?.() ? text : text.replace(/\p{Surrogate}/gu, "\uFFFD"); // with the u flag only lone ones match
}

/** Names of special tokens, or all of them. */
type Names = "all" | readonly string[] | undefined;

/** A list that may be walked through only once, as one that may be read again. What is no list is left for the check. */
function listed(names: EncodeOptions["allowedSpecial"]): Names {
  const isList = typeof names === "object" && typeof names?.[Symbol.iterator] === "function";
  return isList ? [...names] : (names as Names);
}

/** A text of which every unit stands for itself. */
function withSpans(aligned: Aligned): Aligned {
  return { spans: Array.from({ length: 2 * aligned.text.length }, (_, i) => (i + 1) >> 1), ...aligned };
}

/** Refuses added tokens whose string or id means something else in the model's vocabulary, with a FormatError. */
function checkAdded(vocabulary: Vocabulary, addedTokens: readonly AddedToken[]): void {
  for (const { content, id } of addedTokens) {
    const earlier = vocabulary.idOf(content);
    if (earlier !== undefined && earlier !== id) {
      throw new FormatError(
        `tokenizer.json: ${JSON.stringify(content)} has the id ${earlier} in model.vocab and ${id} in added_tokens`,
        { content },
      );
    }
    if (earlier === undefined && vocabulary.has(id)) throw duplicate(id, vocabulary.spelling(id) as string, content);
  }
}

/**
 * The Rust library gives added tokens that the model does not have the next free ids, whatever their ids in the file. So where
 * they stand elsewhere (in holes of the vocabulary, as tiktoken's do) the model must list them too.
 */
function placeAdded(model: ModelJSON, added: readonly AddedToken[]): object {
  const missing = added.filter(({ content }) => !Object.hasOwn(model.vocab, content)).sort((a, b) => a.id - b.id);
  const free = Object.keys(model.vocab).length;
  if (missing.every(({ id }, i) => id === free + i)) return model;
  const vocab = [...Object.entries(model.vocab), ...missing.map(({ content, id }): [string, number] => [content, id])];
  return { ...model, vocab: Object.fromEntries(vocab.sort((a, b) => a[1] - b[1])) };
}
