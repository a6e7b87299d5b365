import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readPreTokenizer, splitGPT2 } from "../../src/tokenizer/pre-tokenize.ts";
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

describe("readPreTokenizer", () => {
  it("does not split without use_regex", () => {
    const { pieceEnd, byteLevel } = readPreTokenizer({ type: "ByteLevel", add_prefix_space: false, use_regex: false });
    expect(byteLevel).toBe(true);
    expect(pieceEnd("two words", 0)).toBe(9);
  });

  it("refuses by name what it does not know", () => {
    expect(() => readPreTokenizer({ type: "Metaspace" })).toThrow(
      /pre_tokenizer of type "Metaspace" is not supported; supported: ByteLevel/,
    );
    expect(() => readPreTokenizer({ type: "ByteLevel", add_prefix_space: true })).toThrow(
      /add_prefix_space true is not supported/,
    );
    expect(() => readPreTokenizer({ type: "ByteLevel" })).toThrow(/add_prefix_space/);
    expect(() => readPreTokenizer("ByteLevel")).toThrow(/pre_tokenizer must be an object, got "ByteLevel"/);
  });
});
