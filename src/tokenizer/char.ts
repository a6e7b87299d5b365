/**
 * The simplest tokenizer: one token for each character (Unicode code point). Nothing to learn but the alphabet; the price is
 * long token lists. A reader who wants to see a whole tokenizer at once starts here.
 */
import { ConfigError, checkOptions } from "../errors.ts";
import { unknownCharacter } from "./bpe-model.ts";
import { FUSE_DECODER } from "./decode.ts";
import { Normalizer } from "./normalize.ts";
import { type Model, type ModelJSON, Pipeline } from "./pipeline.ts";
import { type AddedToken, specialToken } from "./special.ts";
import type { TokenizerRoles } from "./tokenizer.ts";
import type { TokenList } from "./token-list.ts";
import { checkSpecialTokens, eachText } from "./train.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Options of `CharTokenizer.train`. */
export interface CharTrainOptions {
  /** Strings of at least two characters that become special tokens; they get the first ids, in this order. Default none. */
  specialTokens?: readonly string[];
}

/** Looks characters up. */
class CharModel implements Model {
  readonly #vocab: ReadonlyMap<string, number>;

  constructor(vocab: ReadonlyMap<string, number>) {
    this.#vocab = vocab;
  }

  encode(text: string, start: number, end: number, at: number, tokens: TokenList, spans?: number[]): void {
    for (let place = start; place < end;) {
      const character = String.fromCodePoint(text.codePointAt(place) as number);
      const token = this.#vocab.get(character);
      if (token === undefined) throw unknownCharacter(character, at + place);
      tokens.push(token);
      spans?.push(place, place + character.length);
      place += character.length;
    }
  }

  /** In the format's terms: BPE without merges, which leaves every character alone. */
  toJSON(): ModelJSON {
    return {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(this.#vocab),
      merges: [],
    };
  }
}

/**
 * A tokenizer with one token for each Unicode code point. A character that was not in its text is a TokenizerError.
 *
 * ```ts
 * const tokenizer = CharTokenizer.train("hello");
 * tokenizer.encode("hole"); // [1, 3, 2, 0]: ids in the order of code points, e h l o
 * ```
 */
export class CharTokenizer extends Pipeline {
  /** Most callers want `CharTokenizer.train`. `vocab` gives each character (and special token) its id. */
  constructor(vocab: ReadonlyMap<string, number>, addedTokens: readonly AddedToken[] = [], roles?: TokenizerRoles) {
    super({
      vocabulary: Vocabulary.from(vocab, false),
      addedTokens,
      model: new CharModel(vocab),
      decoder: FUSE_DECODER,
      normalizer: new Normalizer(null, []),
      preTokenizer: { json: null, byteLevel: false, stages: [] },
      postProcessor: { json: null, before: [], after: [] },
      roles,
    });
  }

  /**
   * The alphabet of a text: special tokens first, then the characters in the order of their code points.
   *
   * @throws ConfigError for an unknown option, a bad special token, or an empty text
   */
  static train(text: string | Iterable<string>, o?: CharTrainOptions): CharTokenizer {
    checkOptions("train", o, ["specialTokens"]);
    const specialTokens = checkSpecialTokens(o?.specialTokens);
    const characters = new Set<string>();
    for (const part of eachText(text)) for (const character of part) characters.add(character);
    if (characters.size === 0)
      throw new ConfigError("train: the text is empty; pass the text to learn from, or a list of texts");
    const sorted = [...characters].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number));
    const vocab = new Map([...specialTokens, ...sorted].map((entry, id) => [entry, id]));
    return new CharTokenizer(vocab, specialTokens.map(specialToken));
  }
}
