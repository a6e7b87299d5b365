import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { originalSpan, readNormalizer } from "../../src/tokenizer/normalize.ts";
import { expectError } from "../expect-error.ts";

const spaced = {
  type: "Sequence",
  normalizers: [
    { type: "Prepend", prepend: "▁" },
    { type: "Replace", pattern: { String: " " }, content: "▁" },
  ],
};

describe("Normalizer", () => {
  it("runs its steps in order", () => {
    const normalizer = readNormalizer(spaced);
    expect(normalizer.normalize("a b").text).toBe("▁a▁b");
    expect(normalizer.normalize("").text).toBe("");
    expect(readNormalizer(null).normalize("a b").text).toBe("a b");
  });

  it("knows where every unit came from", () => {
    const aligned = readNormalizer(spaced).normalize("a b", true);
    expect([0, 1, 2, 3].map((i) => originalSpan(aligned, i, i + 1))).toEqual([
      [0, 0],
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(originalSpan(aligned, 0, 4)).toEqual([0, 3]);
  });

  it("carries spans through replacements that change the length", () => {
    const longer = readNormalizer({ type: "Replace", pattern: { String: "ab" }, content: "xyz" }).normalize(
      "1ab2",
      true,
    );
    expect(longer.text).toBe("1xyz2");
    expect([0, 1, 2, 3, 4].map((i) => originalSpan(longer, i, i + 1))).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [1, 3],
      [3, 4],
    ]);
    const shorter = readNormalizer({ type: "Replace", pattern: { String: "ab" }, content: "" }).normalize("1ab2", true);
    expect(shorter.text).toBe("12");
    expect(originalSpan(shorter, 1, 2)).toEqual([3, 4]);
    expect(originalSpan(shorter, 1, 1)).toEqual([1, 1]);
  });

  it("refuses replacements that multiply beyond 64 times the text", () => {
    const doubling = (times: number): object => ({
      type: "Sequence",
      normalizers: Array.from({ length: times }, () => ({ type: "Replace", pattern: { String: "a" }, content: "aa" })),
    });
    expect(readNormalizer(doubling(6)).normalize("a").text).toBe("a".repeat(64));
    const all = ["NFKD", "StripAccents", "Lowercase", "NFC", "NFKC"].map((type) => ({ type }));
    expect(readNormalizer({ type: "Sequence", normalizers: all }).normalize("ÀﷺB").text).toBe("aصلى الله عليه وسلمb");
    const back = { type: "Replace", pattern: { String: "a" }, content: "ﷺ" };
    expectError(
      () => readNormalizer({ type: "Sequence", normalizers: [...all, back, { type: "NFKD" }] }),
      FormatError,
      /648 times as long/,
    );
    expectError(
      () => readNormalizer(doubling(7)),
      FormatError,
      "tokenizer.json: the replacements of normalizer could make a text 128 times as long; at most 64 times is allowed",
    );
    expectError(() => readNormalizer(doubling(2000)), FormatError, /Infinity times as long/);
    const once = { type: "Replace", pattern: { String: "ab" }, content: "c".repeat(129) };
    expectError(() => readNormalizer(once), FormatError, /64.5 times as long/);
  });

  it("takes replacement strings literally", () => {
    expect(readNormalizer({ type: "Replace", pattern: { String: "a" }, content: "$&$1" }).normalize("bab").text).toBe(
      "b$&$1b",
    );
  });

  // What the Rust library gives for each of these.
  it.each<[object, string, string]>([
    [{ type: "NFC" }, "e\u0301", "é"],
    [{ type: "NFD" }, "é각", "e\u0301\u1100\u1161\u11a8"],
    [{ type: "NFKC" }, "ﬁｶﾞ①", "fiガ1"],
    [{ type: "NFKD" }, "ﬁé", "fie\u0301"],
    [{ type: "Lowercase" }, "ΑΣ İẞ", "ας i̇ß".replace("ς", "σ")],
    [{ type: "StripAccents" }, "e\u0301\u0903\u0488é", "eé"],
    [{ type: "Strip", strip_left: true, strip_right: true }, "\u3000\u0085 a \n", "a"],
    [{ type: "Strip", strip_left: false, strip_right: true }, " a ", " a"],
    [{ type: "Strip", strip_left: true, strip_right: false }, " a ", "a "],
    [{ type: "Strip" }, "\u200b a", "\u200b a"],
    [{ type: "Replace", pattern: { Regex: " {2,}|'s" }, content: "_" }, "a  b's c", "a_b_ c"],
    [{ type: "Replace", pattern: { Regex: "\\s" }, content: "" }, " \n", ""],
  ])("%j of %j", (json, text, expected) => {
    const normalizer = readNormalizer(json);
    expect(normalizer.normalize(text).text).toBe(expected);
    expect(normalizer.normalize(text, true).text).toBe(expected);
  });

  it("leaves out the prefix of a text that it has emptied", () => {
    const json = { type: "Sequence", normalizers: [{ type: "Strip" }, { type: "Prepend", prepend: "▁" }] };
    expect(readNormalizer(json).normalize("  ").text).toBe("");
  });

  it("aligns what normal forms change in segments", () => {
    const aligned = readNormalizer({ type: "NFC" }).normalize("xe\u0301y\u0302", true);
    expect(aligned.text).toBe("xéŷ");
    expect([0, 1, 2].map((i) => originalSpan(aligned, i, i + 1))).toEqual([
      [0, 1],
      [1, 3],
      [3, 5],
    ]);
    const lower = readNormalizer({ type: "Lowercase" }).normalize("Aİ𐐀b", true);
    expect(Array.from({ length: 6 }, (_, i) => originalSpan(lower, i, i + 1))).toEqual([
      [0, 1],
      [1, 2],
      [1, 2],
      [2, 4],
      [2, 4],
      [4, 5],
    ]);
    const stripped = readNormalizer({ type: "Strip" }).normalize("  ab ", true);
    expect(originalSpan(stripped, 0, 2)).toEqual([2, 4]);
  });

  it("gives the same text with and without alignment", () => {
    const types = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"];
    const marks = fc.constantFrom(
      "\u0301",
      "\u0323",
      "ᄀ",
      "ᅡ",
      "ᆨ",
      "ｶ",
      "ﾞ",
      "ﾡ",
      "ￂ",
      "é",
      "ำ",
      "ﷺ",
      "Σ",
      "\u{16d67}",
      "\u{11131}\u{11127}",
    );
    const texts = fc
      .array(fc.oneof(marks, fc.string({ unit: "binary", maxLength: 2 })))
      .map((parts) => parts.join("").replace(/\p{Surrogate}/gu, "\uFFFD"));
    fc.assert(
      fc.property(fc.constantFrom(...types), texts, (type, text) => {
        const aligned = readNormalizer({ type }).normalize(text, true);
        expect(aligned.text).toBe(readNormalizer({ type }).normalize(text).text);
        if (aligned.spans) expect(aligned.spans.length).toBe(2 * aligned.text.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("segments only where a text can be cut, for every character", () => {
    // A character can join with what stands before it if a composition ends in it, or if it is a mark that may be reordered.
    const joins = new Set<string>();
    const eachCharacter = function* (): Generator<string> {
      for (let code = 0; code < 0x110000; code++) if ((code & 0xff800) !== 0xd800) yield String.fromCodePoint(code);
    };
    for (const character of eachCharacter()) {
      const parts = [...character.normalize("NFD")];
      if (parts.length > 1 && character.normalize("NFC") === character)
        for (const part of parts.slice(1)) joins.add(part);
    }
    const segmentStart = (character: string): boolean => {
      const { spans } = readNormalizer({ type: "NFKC" }).normalize(`ﬁx${character}`, true);
      return (spans as number[])[2 * 2] === 1 && (spans as number[])[2 * 2 + 1] === 2;
    };
    const wrong: string[] = [];
    for (const character of eachCharacter()) {
      const [first] = character.normalize("NFKD");
      const moves = /\p{M}/u.test(first) && `a\u0345${first}`.normalize("NFD") !== `a\u0345${first}`;
      if (
        (joins.has(first) || moves) &&
        !/[\p{M}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc\u{16d63}-\u{16d6a}]/u.test(character)
      )
        wrong.push(character);
    }
    expect(wrong).toEqual([]);
    expect(segmentStart("b")).toBe(true);
  });

  it("refuses by name what it does not know", () => {
    expect(() => readNormalizer({ type: "BertNormalizer" })).toThrow(
      /normalizer of type "BertNormalizer" is not supported; supported: NFC, NFD/,
    );
    expect(() => readNormalizer({ type: "Sequence", normalizers: [{ type: "Precompiled" }] })).toThrow(
      /normalizers\[0\] of type "Precompiled"/,
    );
    expect(() => readNormalizer({ type: "Replace", pattern: { Regex: "a*" }, content: "" })).toThrow(
      /pattern "a\*" is not supported: it may match nothing/,
    );
    expect(() => readNormalizer({ type: "Replace", pattern: { Glob: "a" }, content: "" })).toThrow(
      /pattern of kind "Glob"/,
    );
    expect(() => readNormalizer({ type: "Replace", pattern: { String: "" }, content: "b" })).toThrow(
      /must be a string that is not empty, got ""/,
    );
    expect(() => readNormalizer({ type: "Sequence" })).toThrow(/normalizer.normalizers must be an array, got nothing/);
  });
});
