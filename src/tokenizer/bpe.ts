/**
 * Byte-pair encoding (Sennrich et al. 2016, "Neural machine translation of rare words with subword units"): a piece of
 * text starts as single symbols, and the neighbouring pair that was learnt first is joined again and again until
 * no learnt pair is left. With bytes as symbols (Radford et al. 2019, §2.2) no text is ever out of vocabulary.
 */
import { BPEModel, type BPEModelParts } from "./bpe-model.ts";
import { readDecoder } from "./decode.ts";
import { readNormalizer } from "./normalize.ts";
import { Pipeline } from "./pipeline.ts";
import { readPostProcessor } from "./post-process.ts";
import { readPreTokenizer } from "./pre-tokenize.ts";
import type { AddedToken } from "./special.ts";
import { mergeSteps } from "./textbook.ts";
import type { TokenizerRoles } from "./tokenizer.ts";
import { readGPT2, readTiktoken, type TiktokenName } from "./tiktoken.ts";
import { type BPETrainOptions, type Merge, learnBPE, learnBPEAsync } from "./train.ts";

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
  /** Tokens with a role, and the chat template; `addBos` and `addEos` are heard by `tokenizerFromJSON` alone. */
  readonly roles?: TokenizerRoles;
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
  readonly #model: BPEModel;
  #merges: readonly Merge[] | undefined;

  /**
   * Most callers want `BPETokenizer.train` or `tokenizerFromJSON`.
   *
   * @throws FormatError if parts are malformed or do not fit together
   * @throws TokenizerError if a part is of a type that heed does not support; the message names it
   */
  constructor(parts: BPEParts) {
    const { addedTokens, roles } = parts;
    const preTokenizer = readPreTokenizer(parts.preTokenizer);
    const normalizer = readNormalizer(parts.normalizer);
    const postProcessor = readPostProcessor(parts.postProcessor);
    const decoder = readDecoder(parts.decoder);
    const model = new BPEModel(parts, preTokenizer.byteLevel);
    const { vocabulary } = model;
    super({ vocabulary, addedTokens, normalizer, preTokenizer, model, postProcessor, decoder, roles });
    this.#model = model;
  }

  /** The merges in the order in which they are applied. Where a vocabulary implies them, they are worked out at the first call. */
  get merges(): readonly Merge[] {
    return (this.#merges ??= this.#model.merges());
  }

  /**
   * A tokenizer of OpenAI from the content of its rank file (`cl100k_base.tiktoken`).
   *
   * ```ts
   * const tokenizer = BPETokenizer.fromTiktoken(await readFile("o200k_base.tiktoken", "utf8"), "o200k_base");
   * ```
   *
   * @param name says how text is split and which special tokens there are
   * @throws ConfigError for an unknown name
   * @throws FormatError for what is no rank file: bad base64, ranks missing or given twice, bytes without a token
   */
  static fromTiktoken(ranks: string, name: TiktokenName): BPETokenizer {
    return new BPETokenizer(readTiktoken(ranks, name));
  }

  /**
   * GPT-2's tokenizer, or one made like it, from its two files: `encoder.json` (as text or parsed) and `vocab.bpe`.
   *
   * @throws FormatError if one of them is malformed, or they do not fit together
   */
  static fromGPT2(encoderJSON: string | object, vocabBPE: string): BPETokenizer {
    return new BPETokenizer(readGPT2(encoderJSON, vocabBPE));
  }

  /**
   * Learns a byte-level vocabulary: the same merges in the same order as the Hugging Face trainer, with GPT-2's split or another.
   * Special tokens get the first ids, then come the bytes, then the merges. The text is not searched for special
   * tokens: pass documents one by one instead of joining them with "<|endoftext|>".
   *
   * @throws ConfigError for an unknown option, an empty text, or a vocabSize that special tokens and bytes exceed
   * @throws AbortError if `signal` fires
   */
  static train(text: string | Iterable<string>, o: BPETrainOptions): BPETokenizer {
    return new BPETokenizer(learnBPE(text, o));
  }

  /**
   * The same as `train`, with turns of the event loop in between, from texts that may come over time (a file's lines, a
   * download); only their distinct words are kept.
   *
   * ```ts
   * const tokenizer = await BPETokenizer.trainAsync(createInterface(createReadStream("corpus.txt")), { vocabSize: 8192 });
   * ```
   *
   * @throws ConfigError and AbortError as `train`
   */
  static async trainAsync(
    texts: string | Iterable<string> | AsyncIterable<string>,
    o: BPETrainOptions,
  ): Promise<BPETokenizer> {
    return new BPETokenizer(await learnBPEAsync(texts, o));
  }

  /**
   * How one word is merged: its spelling as single symbols, then after each merge. `word` is taken as one piece, without
   * normalizer or split; in a byte-level vocabulary write " the" for "Ġthe".
   */
  mergeSteps(word: string): string[][] {
    const model = this.#model;
    return [...mergeSteps(model.symbols(word), (left, right) => model.rank(left, right))];
  }
}
