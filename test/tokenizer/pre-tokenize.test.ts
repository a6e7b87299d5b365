import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError, TokenizerError } from "../../src/errors.ts";
import { eachPiece, readPreTokenizer, splitGPT2 } from "../../src/tokenizer/pre-tokenize.ts";
import { originalSpan } from "../../src/tokenizer/normalize.ts";
import { dataPath, describeWithData } from "../data.ts";

/** The published pattern, with the white space of its own engine. */
const PATTERN =
  /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const tricky = fc.constantFrom(
  " ",
  "  ",
  "\n",
  "\r\n",
  "\t",
  "\u0085",
  "\uFEFF",
  "\u00a0",
  "\u3000",
  "\u200b",
  "'",
  "'s",
  "'S",
  "'ll",
  "’s",
  "a",
  "Z",
  "é",
  "e\u0301",
  "ß",
  "1",
  "²",
  "Ⅷ",
  "١",
  ".",
  "!?",
  "_",
  "漢",
  "字",
  "🙂",
  "👩‍👧",
  "𝕳",
  "𝟙",
  "\u0000",
);

describe("splitGPT2", () => {
  it("cuts words with their space, numbers, contractions and punctuation", () => {
    expect(splitGPT2("I'm here,  in 2024!")).toEqual(["I", "'m", " here", ",", " ", " in", " 2024", "!"]);
    expect(splitGPT2("a\n\n\nb  ")).toEqual(["a", "\n\n", "\n", "b", "  "]);
    expect(splitGPT2("")).toEqual([]);
  });

  it("takes U+0085 for white space and U+FEFF not", () => {
    expect(splitGPT2("a\u0085\u0085b")).toEqual(["a", "\u0085", "\u0085", "b"]);
    expect(splitGPT2("a\uFEFF\uFEFFb")).toEqual(["a", "\uFEFF\uFEFF", "b"]);
  });

  it("equals the published pattern", () => {
    const texts = fc.oneof(
      fc.array(tricky, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(splitGPT2(text)).toEqual(text.match(PATTERN) ?? []);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes a very long run as one piece", () => {
    expect(splitGPT2("𝕳".repeat(1_000_000))).toHaveLength(1);
    expect(splitGPT2(`${" ".repeat(1_000_000)}x`)).toHaveLength(2);
  });
});

describeWithData("splitGPT2 on a corpus", () => {
  it("equals the published pattern", () => {
    const text = readFileSync(dataPath("corpora/tinyshakespeare.txt"), "utf8");
    expect(splitGPT2(text)).toEqual(text.match(PATTERN));
  });
});

/** The pieces that a `pre_tokenizer` makes, and where they come from. */
function pieces(json: object, text: string, first = true): [string, number, number][] {
  const spans = Array.from({ length: 2 * text.length }, (_, i) => (i + 1) >> 1);
  const result: [string, number, number][] = [];
  eachPiece(readPreTokenizer(json).stages, { text, spans }, first, (whole, start, end, aligned) => {
    result.push([whole.slice(start, end), ...originalSpan(aligned, start, end)]);
  });
  return result;
}
const words = (json: object, text: string, first?: boolean): string[] =>
  pieces(json, text, first).map(([word]) => word);
const sequence = (...pretokenizers: object[]): object => ({ type: "Sequence", pretokenizers });
const split = (pattern: object, behavior: string, invert = false): object => ({
  type: "Split",
  pattern,
  behavior,
  invert,
});

const METASPACE = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
const NO_SPLIT = { type: "ByteLevel", add_prefix_space: false, use_regex: false };

describe("readPreTokenizer", () => {
  it("does not split without use_regex", () => {
    const { stages, byteLevel, spaceStartsPiece } = readPreTokenizer(NO_SPLIT);
    expect([stages, byteLevel, spaceStartsPiece]).toEqual([[], true, false]);
    expect(readPreTokenizer({ type: "ByteLevel", add_prefix_space: false }).spaceStartsPiece).toBe(true);
    expect(words(NO_SPLIT, "two words")).toEqual(["two words"]);
    expect(words(NO_SPLIT, "")).toEqual([]);
  });

  // What the Rust library gives for each of these.
  it.each<[string, object, string, string[]]>([
    ["a prefix space", { type: "ByteLevel" }, "Hello my", [" Hello", " my"]],
    ["one prefix space", { type: "ByteLevel" }, " Hello", [" Hello"]],
    ["digits", { type: "Digits", individual_digits: false }, "a12²b3", ["a", "12²", "b", "3"]],
    ["single digits", { type: "Digits", individual_digits: true }, "a12", ["a", "1", "2"]],
    ["punctuation", { type: "Punctuation" }, "a!?$b«", ["a", "!", "?", "$", "b", "«"]],
    ["runs of punctuation", { type: "Punctuation", behavior: "Contiguous" }, "a!?b", ["a", "!?", "b"]],
    ["words", { type: "Whitespace" }, "don't  x_1!?", ["don", "'", "t", "x_1", "!?"]],
    ["white space", { type: "WhitespaceSplit" }, " a b!\n\u0085c\ufeff", ["a", "b!", "c\ufeff"]],
    ["a delimiter", { type: "CharDelimiterSplit", delimiter: "." }, "a.b..c", ["a", "b", "c"]],
    ["a string", split({ String: ".." }, "Removed"), "a..b.c", ["a", "b.c"]],
    ["a pattern", split({ Regex: "\\d+" }, "MergedWithPrevious"), "a1b22c", ["a1", "b22", "c"]],
    ["what is not a pattern", split({ Regex: "\\d+" }, "Removed", true), "a1b22c", ["1", "22"]],
    ["Metaspace", METASPACE, "Hey  you", ["▁Hey", "▁", "▁you"]],
    ["Metaspace with a mark in front", METASPACE, " Hey", ["▁Hey"]],
    ["Metaspace without split", { ...METASPACE, split: false }, "a b", ["▁a▁b"]],
    ["Metaspace of before 2024", { type: "Metaspace", replacement: "▁", add_prefix_space: false }, "a b", ["a", "▁b"]],
    ["Metaspace word by word", sequence({ type: "WhitespaceSplit" }, METASPACE), "a b", ["▁a", "▁b"]],
    [
      "StarCoder",
      sequence({ type: "Digits", individual_digits: true }, { type: "ByteLevel", add_prefix_space: false }),
      "a 12",
      ["a", " ", "1", "2"],
    ],
    [
      "Falcon, which looks at bytes",
      sequence(
        { type: "Punctuation", behavior: "Contiguous" },
        { type: "ByteLevel", add_prefix_space: false },
        { type: "Digits", individual_digits: false },
        split({ Regex: "[0-9][0-9][0-9]" }, "Isolated"),
      ),
      "é 12345!?b\u00f2",
      ["Ã©", "Ġ", "123", "45", "!?", "bÃ", "²"],
    ],
  ])("%s", (_, json, text, expected) => {
    expect(words(json, text)).toEqual(expected);
  });

  it("puts Metaspace's mark at the start of the input only, if asked to", () => {
    const first = { ...METASPACE, prepend_scheme: "first" };
    expect(words(first, "a b")).toEqual(["▁a", "▁b"]);
    expect(words(first, "a b", false)).toEqual(["a", "▁b"]);
    expect(words(sequence({ type: "Digits", individual_digits: true }, first), "1a")).toEqual(["▁1", "a"]);
    expect(words(sequence({ type: "WhitespaceSplit" }, first), " a")).toEqual(["a"]);
  });

  it("knows where rewritten pieces come from", () => {
    expect(pieces(METASPACE, "a bc")).toEqual([
      ["▁a", 0, 1],
      ["▁bc", 1, 4],
    ]);
    expect(pieces(sequence({ type: "WhitespaceSplit" }, METASPACE), "a bc")[1]).toEqual(["▁bc", 2, 4]);
    expect(pieces(sequence({ type: "ByteLevel" }, { type: "Digits" }), "é1")).toEqual([
      ["ĠÃ©", 0, 1],
      ["1", 1, 2],
    ]);
  });

  it("refuses by name what it does not know", () => {
    expect(() => readPreTokenizer({ type: "BertPreTokenizer" })).toThrow(
      /pre_tokenizer of type "BertPreTokenizer" is not supported; supported: ByteLevel, Split/,
    );
    expect(() => readPreTokenizer(sequence(METASPACE, { type: "toString" }))).toThrow(
      /pretokenizers\[1\] of type "toString"/,
    );
    expect(() => readPreTokenizer(split({ Regex: "(?<=a)b" }, "Removed"))).toThrow(TokenizerError);
    expect(() => readPreTokenizer(split({ Regex: "a" }, "removed"))).toThrow(
      /behavior must be one of Removed, .*got "removed"/,
    );
    expect(() => readPreTokenizer({ ...METASPACE, prepend_scheme: "last" })).toThrow(
      /prepend_scheme must be always, first, never/,
    );
    expect(() => readPreTokenizer({ ...METASPACE, replacement: "__" })).toThrow(FormatError);
    expect(() => readPreTokenizer({ type: "Sequence" })).toThrow(/pretokenizers must be an array/);
    expect(() => readPreTokenizer("ByteLevel")).toThrow(/pre_tokenizer must be an object, got "ByteLevel"/);
  });
});
