/**
 * The stages that every tokenizer runs, in the order of a Hugging Face `tokenizer.json`:
 *
 *     text → added tokens of the original → normalizer → added tokens of the normalized text
 *          → pre-tokenizer → model → post-processor → tokens → decoder → text
 *
 * A tokenizer differs from another only in the parts that it puts in.
 */
import { FormatError, TokenizerError, checkOptions } from "../errors.ts";
import type { DecodeOptions, EncodeOptions, Encoding, StreamDecoder, Tokenizer } from "./tokenizer.ts";
import { type Decoder } from "./decode.ts";
import { type Normalizer, originalSpan } from "./normalize.ts";
import type { PostProcessor } from "./post-process.ts";
import type { PreTokenizer } from "./pre-tokenize.ts";
import { type AddedToken, AddedTokens, writeAddedTokens } from "./special.ts";
import { ByteStreamDecoder, stripStart, utf8 } from "./stream.ts";

/** The stage that turns one piece of text into tokens. */
export interface Model {
  /**
   * Appends the tokens of `piece` to `tokens` and, if given, the [start, end) of each within the piece to `spans`.
   * `at` is where the piece starts in the text, for messages.
   */
  encode(piece: string, at: number, tokens: number[], spans?: number[]): void;
  /** The `model` of a `tokenizer.json`. */
  toJSON(): object;
}

/** What a tokenizer is made of. */
export interface PipelineParts {
  /** The model's vocabulary: spelling → id. */
  readonly vocab: ReadonlyMap<string, number>;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly model: Model;
  readonly postProcessor: PostProcessor;
  readonly decoder: Decoder;
}

const ENCODE_OPTIONS: readonly string[] = ["allowedSpecial", "addSpecialTokens"];
const DECODE_OPTIONS: readonly string[] = ["skipSpecial"];
const NO_BYTES = new Uint8Array(0);

/** A tokenizer put together from its stages; the base of `BPETokenizer` and `CharTokenizer`. */
export class Pipeline implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId?: number;
  readonly eosId?: number;
  /** Every entry of the vocabulary with its id, added tokens included. */
  readonly vocab: ReadonlyMap<string, number>;
  /** The special tokens with their ids. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly #parts: PipelineParts;
  readonly #added: AddedTokens;
  readonly #spellings: readonly string[];
  readonly #specialIds: ReadonlySet<number>;
  readonly #addedIds: ReadonlySet<number>;
  readonly #bytes: Uint8Array[] = [];

  /** @throws FormatError if two entries share an id, or the template names an id that does not exist */
  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#added = new AddedTokens(parts.addedTokens, parts.normalizer);
    this.vocab = joinVocab(parts);
    this.#spellings = spellingsById(this.vocab);
    this.vocabSize = this.#spellings.length;
    const special = parts.addedTokens.filter((added) => added.special);
    this.specialTokens = new Map(special.map(({ content, id }) => [content, id]));
    this.#specialIds = new Set(special.map(({ id }) => id));
    this.#addedIds = new Set(parts.addedTokens.map(({ id }) => id));
    const { before, after } = parts.postProcessor;
    for (const id of [...before, ...after]) {
      if (this.#spellings[id] !== undefined) continue;
      throw new FormatError(`tokenizer.json: post_processor puts in token ${id}, which is not in the vocabulary`, {
        id,
      });
    }
    this.bosId = before[0] ?? this.#added.bosId;
    this.eosId = after[0] ?? this.#added.eosId;
  }

  encode(text: string, o?: EncodeOptions): number[] {
    const tokens: number[] = [];
    this.#run("encode", text, o, tokens);
    return tokens;
  }

  encodeWithOffsets(text: string, o?: EncodeOptions): Encoding {
    const tokens: number[] = [];
    const offsets: [number, number][] = [];
    this.#run("encodeWithOffsets", text, o, tokens, offsets);
    return { tokens, offsets };
  }

  decode(tokens: Iterable<number>, o?: DecodeOptions): string {
    const bytesOf = this.#bytesReader("decode", o);
    if (typeof tokens?.[Symbol.iterator] !== "function" || typeof tokens === "string") {
      throw new TokenizerError(`decode: tokens must be a list of ids, got ${typeof tokens}`);
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for (const token of tokens) {
      const bytes = bytesOf(token, parts.length);
      parts.push(bytes);
      size += bytes.length;
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const bytes of parts) {
      all.set(bytes, at);
      at += bytes.length;
    }
    const { text, count } = this.#parts.decoder.strip;
    return stripStart(utf8.decode(all), text, count).rest;
  }

  decoder(o?: DecodeOptions): StreamDecoder {
    return new ByteStreamDecoder(this.#bytesReader("decoder", o), this.#parts.decoder.strip);
  }

  tokenBytes(token: number): Uint8Array {
    return this.#bytesOf(token, "tokenBytes").slice();
  }

  tokenToId(text: string): number | undefined {
    return this.vocab.get(text);
  }

  idToToken(token: number): string | undefined {
    return this.#spellings[token];
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
      model: model.toJSON(),
    };
  }

  /** Runs the stages over `text`, appending to `tokens` and, if given, to `offsets`. */
  #run(
    operation: string,
    source: string,
    o: EncodeOptions | undefined,
    tokens: number[],
    offsets?: [number, number][],
  ): void {
    checkOptions(operation, o, ENCODE_OPTIONS);
    if (typeof source !== "string") {
      throw new TokenizerError(`${operation}: text must be a string, got ${source === null ? "null" : typeof source}`);
    }
    const text = source.replace(/\p{Surrogate}/gu, "\uFFFD"); // with the u flag only lone surrogates match
    const { before, after } = this.#parts.postProcessor;
    const append = (token: number, start: number, end: number): void => {
      tokens.push(token);
      offsets?.push([start, end]);
    };
    if (o?.addSpecialTokens) for (const token of before) append(token, 0, 0);
    const normalizedMatcher = this.#added.matcher(o?.allowedSpecial, true);
    for (const segment of this.#added.matcher(o?.allowedSpecial, false).split(text)) {
      if (segment.token >= 0) {
        append(segment.token, segment.start, segment.start + segment.text.length);
        continue;
      }
      const aligned = this.#parts.normalizer.normalize(segment.text, offsets !== undefined);
      const locate = (start: number, end: number): void => {
        const [from, to] = originalSpan(aligned, start, end);
        offsets?.push([segment.start + from, segment.start + to]);
      };
      for (const part of normalizedMatcher.split(aligned.text)) {
        if (part.token >= 0) {
          tokens.push(part.token);
          locate(part.start, part.start + part.text.length);
          continue;
        }
        const locatePart =
          offsets && ((start: number, end: number): void => locate(part.start + start, part.start + end));
        this.#encodePieces(part.text, segment.start + part.start, tokens, locatePart);
      }
    }
    if (o?.addSpecialTokens) for (const token of after) append(token, text.length, text.length);
  }

  /** Runs pre-tokenizer and model over plain text that starts at `at`, telling `locate` the place of every token in it. */
  #encodePieces(text: string, at: number, tokens: number[], locate?: (start: number, end: number) => void): void {
    const {
      model,
      preTokenizer: { pieceEnd },
    } = this.#parts;
    for (let start = 0, end = 0; start < text.length; start = end) {
      end = pieceEnd(text, start);
      const spans: number[] | undefined = locate && [];
      model.encode(text.slice(start, end), at + start, tokens, spans);
      if (spans !== undefined)
        for (let i = 0; i < spans.length; i += 2) locate?.(start + spans[i], start + spans[i + 1]);
    }
  }

  #bytesReader(operation: string, o: DecodeOptions | undefined): (token: number, index: number) => Uint8Array {
    checkOptions(operation, o, DECODE_OPTIONS);
    const skipped = o?.skipSpecial ? this.#specialIds : undefined;
    return (token, index) => (skipped?.has(token) ? NO_BYTES : this.#bytesOf(token, operation, index));
  }

  #bytesOf(token: number, operation: string, index?: number): Uint8Array {
    const spelling = typeof token === "number" ? this.#spellings[token] : undefined;
    if (spelling === undefined) {
      const { vocabSize } = this;
      const place = index === undefined ? "" : ` at index ${index}`;
      throw new TokenizerError(
        `${operation}: no token has the id ${String(token)}${place}; vocabSize is ${vocabSize}`,
        { token, index, vocabSize },
      );
    }
    // The string of an added token is plain text even where the vocabulary spells bytes.
    const plain = this.#parts.preTokenizer.byteLevel && this.#addedIds.has(token);
    return (this.#bytes[token] ??= plain ? new TextEncoder().encode(spelling) : this.#parts.decoder.bytes(spelling));
  }
}

/** The model's vocabulary with the added tokens. */
function joinVocab({ vocab, addedTokens }: PipelineParts): ReadonlyMap<string, number> {
  const joined = new Map(vocab);
  for (const { content, id } of addedTokens) {
    const earlier = joined.get(content);
    if (earlier !== undefined && earlier !== id) {
      throw new FormatError(
        `tokenizer.json: ${JSON.stringify(content)} has the id ${earlier} in model.vocab and ${id} in added_tokens`,
        { content },
      );
    }
    joined.set(content, id);
  }
  return joined;
}

function spellingsById(vocab: ReadonlyMap<string, number>): string[] {
  const spellings: string[] = [];
  for (const [spelling, id] of vocab) {
    if (spellings[id] !== undefined) {
      throw new FormatError(
        `tokenizer.json: the id ${id} belongs to both ${JSON.stringify(spellings[id])} and ${JSON.stringify(spelling)}`,
        { id },
      );
    }
    spellings[id] = spelling;
  }
  return spellings;
}
