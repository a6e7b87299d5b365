/**
 * What every tokenizer of heed can do: turn a text into a list of token ids and back, and say which stretch of the text
 * each token stands for. `BPETokenizer` and `CharTokenizer` are the two kinds.
 */

/** How `encode` reads its text. */
export interface EncodeOptions {
  /**
   * Special tokens that may be matched in the text: their strings, or "all". Default none: `"<|endoftext|>"` typed by a
   * user is plain text, so nobody can smuggle a control token into a prompt.
   */
  allowedSpecial?: "all" | Iterable<string>;
  /**
   * Special tokens that the text must not hold: their strings, or "all" (but those in `allowedSpecial`). Default none. To refuse what
   * looks like a control token, instead of taking it as text, is what tiktoken does by default.
   */
  disallowedSpecial?: "all" | Iterable<string>;
  /** Whether to add the tokens that the tokenizer's template puts around a text (BOS, EOS). Default false. */
  addSpecialTokens?: boolean;
}

/** How tokens are written as text. */
export interface DecodeOptions {
  /** Whether special tokens are left out of the text. Default false. */
  skipSpecial?: boolean;
}

/** Tokens together with the part of the text that each one covers. */
export interface Encoding {
  /** The token ids, the same as `encode` gives. */
  tokens: number[];
  /**
   * For each token [start, end) in UTF-16 units of the text, so that `text.slice(start, end)` is its text. Tokens that
   * share one character (bytes of an emoji, for instance) all carry the whole character. A token that stands for no
   * text (BOS, EOS, a prefix that a normalizer adds) has start = end.
   */
  offsets: [start: number, end: number][];
}

/** Turns tokens into text one at a time, for printing while a model is still writing. */
export interface StreamDecoder {
  /** Whether bytes of an unfinished character are held back. */
  readonly pending: boolean;
  /**
   * Takes one token and returns the text that has become certain, often "" inside a character of several tokens.
   * A code point is never broken, and all pieces together with `flush()` equal `decode` of the tokens.
   *
   * @throws TokenizerError if there is no such token
   */
  push(token: number): string;
  /** Returns what is still held back (an unfinished character becomes U+FFFD) and starts afresh. */
  flush(): string;
}

/** The text of a chat template (Jinja), or several by name ("default", "tool_use", …). */
export type ChatTemplate = string | Readonly<Record<string, string>>;

/** What a tokenizer knows beside its vocabulary, as `tokenizer_config.json` names it. */
export interface TokenizerRoles {
  /** The token that begins a text; null if there is none, undefined to tell it by its usual names. */
  readonly bosToken?: string | null;
  /** The token that ends a text; null and undefined as above. */
  readonly eosToken?: string | null;
  /** Whether `addSpecialTokens` puts the first token before a text; undefined leaves it to the post-processor. */
  readonly addBos?: boolean;
  /** The same for the last token. */
  readonly addEos?: boolean;
  readonly chatTemplate?: ChatTemplate;
}

/**
 * Text to token ids and back.
 *
 * ```ts
 * const tokens = tokenizer.encode("The sea");
 * tokenizer.decode(tokens); // "The sea"
 * ```
 */
export interface Tokenizer {
  /** Number of ids, counting from 0 to the greatest one. */
  readonly vocabSize: number;
  /** Id of the token that begins a text, where the tokenizer has one. */
  readonly bosId?: number;
  /** Id of the token that ends a text, where the tokenizer has one. */
  readonly eosId?: number;
  /** How a conversation becomes a text, where the tokenizer has it; `applyChatTemplate` runs it. */
  readonly chatTemplate?: ChatTemplate;
  /**
   * The tokens of a text. Lone surrogates count as U+FFFD.
   *
   * @throws TokenizerError if `text` is not a string, holds a character that the vocabulary cannot express, or a disallowed token
   * @throws ConfigError for an unknown option, or a name in `allowedSpecial` that is no special token
   */
  encode(text: string, o?: EncodeOptions): number[];
  /** The tokens of a text and where each one lies in it. Errors as in `encode`. */
  encodeWithOffsets(text: string, o?: EncodeOptions): Encoding;
  /** The number of tokens that `encode` would give, without making the list. Errors as in `encode`. */
  countTokens(text: string, o?: EncodeOptions): number;
  /** Whether a text has at most `limit` tokens; stops reading as soon as it has more. Errors as in `encode`, as far as it reads. */
  isWithinLimit(text: string, limit: number, o?: EncodeOptions): boolean;
  /**
   * The tokens of a text that comes in chunks, in lists that joined are those of the whole text, wherever chunks break. What could
   * still change is held back: the last words and, where added tokens are looked for, the length of the longest one.
   * Tokenizers that split text in no known way, or rewrite it (SentencePiece), give all tokens at the end.
   *
   * ```ts
   * for await (const tokens of tokenizer.encodeChunks(createReadStream("book.txt", "utf8"))) count += tokens.length;
   * ```
   */
  encodeChunks(chunks: Iterable<string>, o?: EncodeOptions): Generator<number[]>;
  /** The same for chunks that come over time. */
  encodeChunks(chunks: AsyncIterable<string>, o?: EncodeOptions): AsyncGenerator<number[]>;
  /**
   * The text of tokens. Bytes that are not UTF-8 become U+FFFD.
   *
   * @throws TokenizerError for an id that is not in the vocabulary; the message gives the id and its index
   */
  decode(tokens: Iterable<number>, o?: DecodeOptions): string;
  /** A decoder for one stream of tokens. */
  decoder(o?: DecodeOptions): StreamDecoder;
  /** The bytes (UTF-8, possibly a part of a character) that a token stands for. Throws a TokenizerError for an unknown id. */
  tokenBytes(token: number): Uint8Array;
  /** The id of a vocabulary entry, in the vocabulary's own spelling ("Ġthe" for " the" in byte-level vocabularies). */
  tokenToId(text: string): number | undefined;
  /** The spelling of a token in the vocabulary, or undefined for an unknown id. */
  idToToken(token: number): string | undefined;
  /** The content of a Hugging Face `tokenizer.json`; `tokenizerFromJSON` reads it back. */
  toJSON(): object;
}
