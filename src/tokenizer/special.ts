/**
 * Added tokens: strings that are one token wherever they are matched, whatever the model would make of them. The
 * *special* ones ("<|endoftext|>") steer a model, so they are matched only where the caller allows it; the others are
 * ordinary vocabulary (codegen has one for each length of indentation) and are always matched.
 */
import { ConfigError, FormatError } from "../errors.ts";
import type { EncodeOptions } from "./tokenizer.ts";
import { readArray, readBoolean, readInteger, readObject, readString } from "./json.ts";
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
  /** Whether it is matched only where no letter, digit or underscore touches it. Default false. */
  readonly singleWord?: boolean;
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
    const key = (names ? JSON.stringify(names) : `${allowed as string}`) + String(normalized);
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

/** A place in the tree of all strings that are looked for. */
interface Branch {
  readonly next: Map<number, Branch>;
  added?: AddedToken;
}

/** Cuts texts at a fixed set of added tokens: the leftmost match wins, and of several there the longest. */
class Matcher {
  readonly #root: Branch = { next: new Map() };
  /** Finds where a token may start, so that text without any is passed over fast. */
  readonly #start: RegExp | undefined;

  constructor(list: readonly AddedToken[], normalizer: Normalizer | undefined) {
    // If normalizing makes two tokens equal, the special one counts, or else the first.
    for (const added of [...list].sort((a, b) => Number(b.special) - Number(a.special))) {
      const content = normalizer?.normalize(added.content).text ?? added.content;
      if (content === "") continue; // nothing at all would match everywhere, without end
      let branch = this.#root;
      for (let i = 0; i < content.length; i++) {
        const unit = content.charCodeAt(i);
        let next = branch.next.get(unit);
        if (next === undefined) branch.next.set(unit, (next = { next: new Map() }));
        branch = next;
      }
      branch.added ??= added;
    }
    const first = [...this.#root.next.values()];
    if (first.length === 0) return;
    const second = first.some((branch) => branch.added)
      ? ""
      : anyOf(first.flatMap((branch) => [...branch.next.keys()]));
    this.#start = new RegExp(anyOf([...this.#root.next.keys()]) + second, "g");
  }

  /** The segments of `text` in order, none of them empty. */
  split(text: string): Segment[] {
    const segments: Segment[] = [];
    let done = 0;
    const add = (start: number, end: number, token: number): void => {
      if (end > start) segments.push({ text: text.slice(start, end), start, token });
      done = end;
    };
    for (let from = 0; ;) {
      const start = this.#startAfter(text, from);
      if (start < 0) break;
      let added: AddedToken | undefined;
      let end = start;
      let branch: Branch | undefined = this.#root;
      for (let at = start; (branch = branch.next.get(text.charCodeAt(at++))) !== undefined;) {
        if (branch.added === undefined) continue;
        added = branch.added;
        end = at;
      }
      from = added === undefined ? start + 1 : end;
      if (added === undefined || (added.singleWord && (isWord(text, start - 1) || isWord(text, end)))) continue;
      let left = start;
      // A token in front may have taken in the white space that this one begins with.
      if (added.lstrip) left = Math.max(left, done);
      if (added.lstrip) while (left > done && isWhite(text[left - 1])) left--;
      if (added.rstrip) while (end < text.length && isWhite(text[end])) end++;
      if (left > done) add(done, left, -1);
      add(left, end, added.id);
    }
    add(done, text.length, -1);
    return segments;
  }

  #startAfter(text: string, from: number): number {
    if (this.#start === undefined) return -1;
    this.#start.lastIndex = from;
    return this.#start.exec(text)?.index ?? -1;
  }
}

/** A set of UTF-16 units as a part of a regular expression. */
function anyOf(units: readonly number[]): string {
  return `[${Array.from(new Set(units), (unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}]`;
}

function isWhite(character: string): boolean {
  return /\p{White_Space}/u.test(character);
}

/** Whether a character of a word touches the place `at` of a text. */
function isWord(text: string, at: number): boolean {
  const low = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  const character = String.fromCodePoint(text.codePointAt(low ? at - 1 : at) ?? 0);
  return /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u.test(character);
}

/** Characters of an added token. Each place of a text can cost as many steps as the longest one has. */
const MAX_LENGTH = 1000;

/**
 * Reads the `added_tokens` of a `tokenizer.json`.
 *
 * @throws FormatError for a malformed entry, or a content or id that occurs twice
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
      singleWord: flag("single_word"),
    };
  });
}

/** The `added_tokens` of a `tokenizer.json`. */
export function writeAddedTokens(list: readonly AddedToken[]): object[] {
  return list.map(({ singleWord, ...added }) => ({ ...added, single_word: singleWord ?? false }));
}
