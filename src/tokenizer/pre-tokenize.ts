/**
 * Pre-tokenizers cut a text into pieces (words, mostly) before the model runs, so that no token crosses a word boundary.
 *
 * GPT-2's rule (Radford et al. 2019, §2.2) is published as a regular expression, `GPT2_PATTERN`, and most others are too;
 * `pattern.ts` reads them and `automaton.ts` runs them.
 */
import { byteSymbols } from "./byte-level.ts";
import {
  type JSONObject,
  checkStages,
  malformed,
  readArray,
  readBoolean,
  readObject,
  readString,
  unsupported,
} from "./json.ts";
import { type Aligned, findLiteral, prepend, readPattern, replace, sliceAligned } from "./normalize.ts";
import { literalPattern } from "./pattern.ts";
import { type PieceEnd, SPLIT_BEHAVIORS, type SplitBehavior, cutsAtSpaces, splitPieceEnd } from "./split.ts";

export type { PieceEnd };

/** One step of a pre-tokenizer: it cuts pieces, or rewrites each one (Metaspace's "▁", ByteLevel's prefix space). */
export type Stage =
  | {
      readonly cut: PieceEnd;
      /** The pattern, if the pieces are its matches and what lies between. */
      readonly pattern?: string;
    }
  | {
      /** Makes a text of its own out of a piece; `first` says that it stands at the start of the input. Spans are kept if there are any. */
      readonly rewrite: (piece: Aligned, first: boolean) => Aligned;
    };

/** How a tokenizer cuts text into pieces. */
export interface PreTokenizer {
  /** The part of `tokenizer.json` that says the same. */
  readonly json: object | null;
  /** Whether the vocabulary spells bytes, as `byte-level.ts` does, instead of characters. */
  readonly byteLevel: boolean;
  /** What is done to a text, in order. None: the whole text is one piece. */
  readonly stages: readonly Stage[];
  /** Whether a space behind something else than white space always starts a piece, so that a text may be cut there. */
  readonly spaceStartsPiece?: boolean;
}

/**
 * Calls `visit(text, start, end, aligned)` for every piece, in order; `text` is `aligned.text`. Cuts behind one another
 * nest. `first` says that the text stands at the start of the input. Where a stage rewrites, spans come out only if
 * spans went in.
 */
export function eachPiece(
  stages: readonly Stage[],
  aligned: Aligned,
  first: boolean,
  visit: (text: string, start: number, end: number, aligned: Aligned) => void,
): void {
  const run = (stage: number, from: Aligned, start: number, limit: number, atStart: boolean): void => {
    if (stage === stages.length) return visit(from.text, start, limit, from);
    const step = stages[stage];
    if ("rewrite" in step) {
      const piece = step.rewrite(sliceAligned(from, start, limit), atStart);
      if (piece.text !== "") run(stage + 1, piece, 0, piece.text.length, atStart);
      return;
    }
    for (let at = start; at < limit;) {
      const end = step.cut(from.text, at, limit);
      if (end > at) run(stage + 1, from, at, end, atStart && at === start);
      at = end < 0 ? ~end : end;
    }
  };
  if (aligned.text !== "") run(0, aligned, 0, aligned.text.length, first);
}

/** How GPT-2 cuts, in the terms of `pattern.ts`. */
export const GPT2_PATTERN: string =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The pieces into which GPT-2's rule cuts a text; joined, they are the text.
 *
 * ```ts
 * splitGPT2("I'm  here"); // ["I", "'m", " ", " here"]
 * ```
 */
export function splitGPT2(text: string): string[] {
  const cut = splitPieceEnd(GPT2_PATTERN);
  const pieces: string[] = [];
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = cut(text, start, text.length);
    pieces.push(text.slice(start, end));
  }
  return pieces;
}

/** A ByteLevel part of `tokenizer.json` as heed writes it: GPT-2's split, no added space, offsets left as they are. */
export const BYTE_LEVEL_JSON: Readonly<JSONObject> = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: true,
};

/** The parts whose cut is a pattern; the other settings are read where they are used. Rust's \w has joiners, Oniguruma's has not. */
const PATTERNS: Readonly<Record<string, [pattern: string, behavior: SplitBehavior]>> = {
  Digits: ["\\p{N}", "Contiguous"],
  Punctuation: ["[\\p{P}$+<=>^`|~]", "Isolated"],
  WhitespaceSplit: ["\\s", "Removed"],
  Whitespace: [
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]+|[^\\s\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]+",
    "Removed",
  ],
};

/**
 * Reads the `pre_tokenizer` of a `tokenizer.json`: null, ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit,
 * CharDelimiterSplit, or a Sequence of these. ByteLevel's `trim_offsets` is about offsets only, and heed's keep the space of a word.
 *
 * @throws FormatError for a malformed part
 * @throws TokenizerError for another type, or a pattern that heed does not support
 */
export function readPreTokenizer(json: unknown): PreTokenizer {
  if (json === null || json === undefined) return { json: null, byteLevel: false, stages: [] };
  const spec = readObject(json, "pre_tokenizer");
  const parts = flatten(spec, "pre_tokenizer");
  checkStages(parts.length, "pre_tokenizer");
  const byteLevel = parts[parts.length - 1]?.[0].type === "ByteLevel";
  const stages = parts.flatMap(([part, where], i) => readStages(part, where, i === parts.length - 1));
  const patterns = stages.map((stage) => ("cut" in stage ? stage.pattern : undefined));
  const spaceStartsPiece = patterns.length === 1 && patterns[0] !== undefined && cutsAtSpaces(patterns[0]);
  return { json: spec, byteLevel, stages, spaceStartsPiece };
}

/** The parts of a Sequence, and of Sequences in it, with their places. */
function flatten(spec: JSONObject, where: string): (readonly [JSONObject, string])[] {
  if (spec.type !== "Sequence") return [[spec, where]];
  return readArray(spec.pretokenizers, `${where}.pretokenizers`).flatMap((item, i) => {
    const place = `${where}.pretokenizers[${i}]`;
    return flatten(readObject(item, place), place);
  });
}

function readStages(spec: JSONObject, where: string, last: boolean): Stage[] {
  const { type } = spec;
  const flag = (name: string, fallback: boolean): boolean => readBoolean(spec[name], `${where}.${name}`, fallback);
  if (type === "ByteLevel") {
    const stages: Stage[] = [];
    if (flag("add_prefix_space", true)) stages.push({ rewrite: (piece) => prependOnce(piece, " ") });
    if (flag("use_regex", true)) stages.push({ cut: splitPieceEnd(GPT2_PATTERN), pattern: GPT2_PATTERN });
    if (!last) stages.push({ rewrite: spellBytes }); // what follows sees bytes; otherwise the model spells them itself
    return stages;
  }
  if (type === "Metaspace") return readMetaspace(spec, where, flag);
  if (type === "Split") {
    const { text, literal } = readPattern(spec, where);
    const pattern = literal ? literalPattern(text) : text;
    const behavior = readBehavior(spec, where);
    const invert = flag("invert", false);
    const isolated = behavior === "Isolated" && !invert;
    return [{ cut: splitPieceEnd(pattern, behavior, invert), pattern: isolated ? pattern : undefined }];
  }
  if (type === "CharDelimiterSplit") {
    return [{ cut: splitPieceEnd(literalPattern(readString(spec.delimiter, `${where}.delimiter`)), "Removed") }];
  }
  if (typeof type !== "string" || !Object.hasOwn(PATTERNS, type)) {
    const types = `ByteLevel, Split, Metaspace, CharDelimiterSplit, ${Object.keys(PATTERNS).join(", ")}, and Sequence of these`;
    throw unsupported(`${where} of type`, type, types);
  }
  let [pattern, behavior] = PATTERNS[type];
  if (type === "Digits" && flag("individual_digits", false)) behavior = "Isolated";
  if (type === "Punctuation" && spec.behavior !== undefined) behavior = readBehavior(spec, where);
  return [{ cut: splitPieceEnd(pattern, behavior, type === "Whitespace") }];
}

function readBehavior(spec: JSONObject, where: string): SplitBehavior {
  const behavior = spec.behavior as SplitBehavior;
  if (!SPLIT_BEHAVIORS.includes(behavior)) {
    throw malformed(`${where}.behavior`, `one of ${SPLIT_BEHAVIORS.join(", ")}`, behavior);
  }
  return behavior;
}

/** Metaspace writes spaces as "▁", puts one in front, and cuts before each. */
function readMetaspace(spec: JSONObject, where: string, flag: (name: string, fallback: boolean) => boolean): Stage[] {
  const replacement = readString(spec.replacement, `${where}.replacement`);
  if (Array.from(replacement).length > 1) throw malformed(`${where}.replacement`, "one character", replacement);
  // Files from before 2024 have add_prefix_space instead.
  const scheme = spec.prepend_scheme ?? (flag("add_prefix_space", true) ? "always" : "never");
  const schemes = ["always", "first", "never"];
  if (!schemes.includes(scheme as string)) throw malformed(`${where}.prepend_scheme`, schemes.join(", "), scheme);
  const rewrite = (piece: Aligned, first: boolean): Aligned => {
    const marked = replace(piece, findLiteral(" "), replacement);
    return scheme === "always" || (scheme === "first" && first) ? prependOnce(marked, replacement) : marked;
  };
  const stages: Stage[] = [{ rewrite }];
  if (flag("split", true)) stages.push({ cut: splitPieceEnd(literalPattern(replacement), "MergedWithNext") });
  return stages;
}

function prependOnce(piece: Aligned, prefix: string): Aligned {
  return piece.text.startsWith(prefix) ? piece : prepend(piece, prefix);
}

/** Writes each character as the symbols of its bytes, which all carry its span. */
function spellBytes({ text, spans }: Aligned): Aligned {
  const moved: number[] = [];
  let spelt = "";
  let at = 0;
  for (const character of text) {
    for (const byte of new TextEncoder().encode(character)) {
      spelt += byteSymbols[byte];
      if (spans) moved.push(spans[2 * at], spans[2 * (at + character.length) - 1]);
    }
    at += character.length;
  }
  return { text: spelt, spans: spans && moved };
}
