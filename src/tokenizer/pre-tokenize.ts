/**
 * Pre-tokenizers cut a text into pieces (words, mostly) before the model runs, so that no token crosses a word boundary.
 *
 * GPT-2's rule (Radford et al. 2019, §2.2) is published as a regular expression:
 *
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * It is written out by hand here. JavaScript's `\s` is another set (it has U+FEFF and lacks U+0085), and V8's engine
 * overflows its stack on a run of some million letters outside the basic plane.
 */
import { type JSONObject, readBoolean, readObject, unsupported } from "./json.ts";

/** Where the piece that starts at `start` (in UTF-16 units, below the text's length) ends. Pieces cover the whole text. */
export type PieceEnd = (text: string, start: number) => number;

/** How a tokenizer cuts text into pieces. */
export interface PreTokenizer {
  /** The part of `tokenizer.json` that says the same. */
  readonly json: object | null;
  /** Whether the vocabulary spells bytes, as `byte-level.ts` does, instead of characters. */
  readonly byteLevel: boolean;
  readonly pieceEnd: PieceEnd;
}

/** No cutting: the whole text is one piece. */
export const wholeText: PieceEnd = (text: string): number => text.length;

const SPACE = 0x20;
const LETTER = 1;
const NUMBER = 2;
const WHITE = 3;
const OTHER = 4;
const CONTRACTION = /'(?:s|t|re|ve|m|ll|d)/y;

/** Class of each UTF-16 unit met so far, 0 if not yet looked up: asking `\p{…}` each time makes the split six times slower. */
let classOfUnit: Uint8Array | undefined;

function classify(character: string): number {
  if (/^\p{L}/u.test(character)) return LETTER;
  if (/^\p{N}/u.test(character)) return NUMBER;
  return /^\p{White_Space}/u.test(character) ? WHITE : OTHER;
}

function classAt(text: string, at: number, classes: Uint8Array): number {
  const unit = text.charCodeAt(at);
  if ((unit & 0xf800) === 0xd800) return classify(String.fromCodePoint(text.codePointAt(at) as number));
  return classes[unit] || (classes[unit] = classify(text[at]));
}

/** GPT-2's cut; see the top of this file. */
export const gpt2PieceEnd: PieceEnd = (text: string, start: number): number => {
  if (text[start] === "'") {
    CONTRACTION.lastIndex = start;
    if (CONTRACTION.test(text)) return CONTRACTION.lastIndex;
  }
  const classes = (classOfUnit ??= new Uint8Array(0x10000));
  let end = start;
  let kind = classAt(text, start, classes);
  if (text.charCodeAt(start) === SPACE && start + 1 < text.length) {
    const following = classAt(text, start + 1, classes);
    if (following !== WHITE) {
      kind = following; // one space belongs to the run behind it
      end = start + 1;
    }
  }
  do end += (text.charCodeAt(end) & 0xfc00) === 0xd800 && end + 1 < text.length ? 2 : 1;
  while (end < text.length && classAt(text, end, classes) === kind);
  // White space before a word leaves its last character to the word, \s+(?!\S), unless it has only one.
  return kind === WHITE && end < text.length && end - start > 1 ? end - 1 : end;
};

/**
 * The pieces into which GPT-2's rule cuts a text; joined, they are the text.
 *
 * ```ts
 * splitGPT2("I'm  here"); // ["I", "'m", " ", " here"]
 * ```
 */
export function splitGPT2(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = gpt2PieceEnd(text, start);
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

/** Reads the `pre_tokenizer` of a `tokenizer.json`: null, or ByteLevel without an added space. */
export function readPreTokenizer(json: unknown): PreTokenizer {
  if (json === null || json === undefined) return { json: null, byteLevel: false, pieceEnd: wholeText };
  const spec = readObject(json, "pre_tokenizer");
  if (spec.type !== "ByteLevel") throw unsupported("pre_tokenizer of type", spec.type, "ByteLevel, or null");
  if (readBoolean(spec.add_prefix_space, "pre_tokenizer.add_prefix_space", true)) {
    throw unsupported("pre_tokenizer.add_prefix_space", true, "false");
  }
  const split = readBoolean(spec.use_regex, "pre_tokenizer.use_regex", true);
  return { json: spec, byteLevel: true, pieceEnd: split ? gpt2PieceEnd : wholeText };
}
