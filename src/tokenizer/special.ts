/**
 * Added tokens: strings that are one token wherever they are matched, whatever the model would make of them. The
 * *special* ones ("<|endoftext|>") steer a model, so they are matched only where the caller allows it; the others are
 * ordinary vocabulary (codegen has one for each length of indentation) and are always matched.
 */
import { ConfigError, FormatError } from "../errors.ts";
import type { EncodeOptions } from "./tokenizer.ts";
import { readArray, readBoolean, readInteger, readObject, readString, unsupported } from "./json.ts";
import type { Normalizer } from "./normalize.ts";

/** A string that is matched before the model sees the text. Field meanings are those of Hugging Face. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Whether it is a control token, matched only when allowed. */
  readonly special: boolean;
  /** Whether it is looked for in the normalized text rather than in the original. */
  readonly normalized: boolean;
  /** Whether it takes in the white space before it. */
  readonly lstrip: boolean;
  /** Whether it takes in the white space behind it. */
  readonly rstrip: boolean;
}

/** A stretch of a text: one added token, or plain text (token -1). */
export interface Segment {
  readonly text: string;
  /** Where it starts, in UTF-16 units. */
  readonly start: number;
  readonly token: number;
}

/** A special token with the settings that trained tokenizers give it. */
export function specialToken(content: string, id: number): AddedToken {
  return { id, content, special: true, normalized: false, lstrip: false, rstrip: false };
}

const BOS_NAMES: readonly string[] = ["<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"];
const EOS_NAMES: readonly string[] = ["</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"];

/** Finds added tokens in texts. */
export class AddedTokens {
  readonly list: readonly AddedToken[];
  readonly #byContent: ReadonlyMap<string, AddedToken>;
  readonly #normalizer: Normalizer;
  readonly #matchers = new Map<string, Matcher>();

  constructor(list: readonly AddedToken[], normalizer: Normalizer) {
    this.list = list;
    this.#byContent = new Map(list.map((added) => [added.content, added]));
    this.#normalizer = normalizer;
  }

  /** The id of the token that begins a text, told by its usual names; undefined if there is none. */
  get bosId(): number | undefined {
    return this.#firstNamed(BOS_NAMES);
  }

  /** The id of the token that ends a text, told by its usual names; undefined if there is none. */
  get eosId(): number | undefined {
    return this.#firstNamed(EOS_NAMES);
  }

  /**
   * What finds the allowed tokens in the original text (`normalized` false) or in the normalized text (true).
   *
   * @throws ConfigError if `allowed` names something that is no added token
   */
  matcher(allowed: EncodeOptions["allowedSpecial"], normalized: boolean): Matcher {
    const names = allowed === undefined || allowed === "all" ? undefined : this.#checkNames(allowed);
    const key = JSON.stringify([normalized, allowed === "all", names]);
    let matcher = this.#matchers.get(key);
    if (matcher === undefined) {
      const chosen = this.list.filter(
        (added) =>
          added.normalized === normalized && (!added.special || allowed === "all" || names?.includes(added.content)),
      );
      matcher = new Matcher(chosen, normalized ? this.#normalizer : undefined);
      if (this.#matchers.size > 16) this.#matchers.clear(); // callers vary little; a hostile one must not fill memory
      this.#matchers.set(key, matcher);
    }
    return matcher;
  }

  #checkNames(allowed: Iterable<string>): string[] {
    if (typeof allowed === "string" || typeof allowed?.[Symbol.iterator] !== "function") {
      throw new ConfigError(
        `encode: allowedSpecial must be "all" or a list of special tokens, got ${JSON.stringify(allowed)}`,
      );
    }
    const names = [...new Set(allowed)].sort();
    for (const name of names) {
      if (this.#byContent.has(name)) continue;
      const known =
        this.list
          .filter((added) => added.special)
          .slice(0, 20)
          .map((added) => added.content)
          .join(" ") || "none";
      throw new ConfigError(
        `encode: allowedSpecial names ${JSON.stringify(name)}, which is no special token; special tokens: ${known}`,
        { name },
      );
    }
    return names;
  }

  #firstNamed(names: readonly string[]): number | undefined {
    return names.map((name) => this.#byContent.get(name)?.id).find((id) => id !== undefined);
  }
}

/** Cuts texts at a fixed set of added tokens: the leftmost match wins, and of several there the longest. */
class Matcher {
  readonly #pattern: RegExp | undefined;
  readonly #found = new Map<string, AddedToken>();

  constructor(list: readonly AddedToken[], normalizer: Normalizer | undefined) {
    for (const added of list) {
      const content = normalizer?.normalize(added.content).text ?? added.content;
      if (content !== "") this.#found.set(content, added); // nothing at all would match everywhere, without end
    }
    const contents = [...this.#found.keys()].sort((a, b) => b.length - a.length); // an alternation takes its first match
    const escaped = contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    if (escaped.length > 0) this.#pattern = new RegExp(escaped.join("|"), "gu");
  }

  /** The segments of `text` in order, none of them empty. */
  split(text: string): Segment[] {
    const pattern = this.#pattern;
    if (pattern === undefined) return text === "" ? [] : [{ text, start: 0, token: -1 }];
    const segments: Segment[] = [];
    let done = 0;
    const plainUntil = (end: number): void => {
      if (end > done) segments.push({ text: text.slice(done, end), start: done, token: -1 });
    };
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const added = this.#found.get(match[0]) as AddedToken;
      let start = match.index;
      let end = pattern.lastIndex;
      if (added.lstrip) while (start > done && isWhite(text[start - 1])) start--;
      if (added.rstrip) while (end < text.length && isWhite(text[end])) end++;
      plainUntil(start);
      segments.push({ text: text.slice(start, end), start, token: added.id });
      done = pattern.lastIndex = end;
    }
    plainUntil(text.length);
    return segments;
  }
}

function isWhite(character: string): boolean {
  return /\p{White_Space}/u.test(character);
}

/** Characters of an added token: it becomes a part of a regular expression, and those have limits. */
const MAX_LENGTH = 4096;

/**
 * Reads the `added_tokens` of a `tokenizer.json`.
 *
 * @throws FormatError for a malformed entry, or a content or id that occurs twice
 * @throws TokenizerError for `single_word`, which heed does not support
 */
export function readAddedTokens(json: unknown): AddedToken[] {
  const contents = new Set<string>();
  const ids = new Set<number>();
  return readArray(json, "added_tokens", true).map((item, i) => {
    const where = `added_tokens[${i}]`;
    const spec = readObject(item, where);
    const id = readInteger(spec.id, `${where}.id`);
    const content = readString(spec.content, `${where}.content`);
    if (content.length > MAX_LENGTH)
      throw new FormatError(
        `tokenizer.json: ${where}.content has ${content.length} characters, at most ${MAX_LENGTH} are allowed`,
        { id },
      );
    const flag = (name: string, fallback = false): boolean => readBoolean(spec[name], `${where}.${name}`, fallback);
    const special = flag("special");
    if (flag("single_word")) throw unsupported(`${where}.single_word`, true, "false");
    if (contents.has(content) || ids.has(id)) {
      const entry = `${JSON.stringify(content)}, id ${id}`;
      throw new FormatError(`tokenizer.json: ${where} (${entry}) repeats the content or id of an earlier one`, {
        id,
        content,
      });
    }
    contents.add(content);
    ids.add(id);
    return {
      id,
      content,
      special,
      normalized: flag("normalized", !special),
      lstrip: flag("lstrip"),
      rstrip: flag("rstrip"),
    };
  });
}

/** The `added_tokens` of a `tokenizer.json`. */
export function writeAddedTokens(list: readonly AddedToken[]): object[] {
  return list.map((added) => ({ ...added, single_word: false }));
}
