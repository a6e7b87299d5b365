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

  it("refuses by name what it does not know", () => {
    expect(() => readNormalizer({ type: "NFC" })).toThrow(
      /normalizer of type "NFC" is not supported; supported: Prepend, Replace/,
    );
    expect(() => readNormalizer({ type: "Sequence", normalizers: [{ type: "Sequence", normalizers: [] }] })).toThrow(
      /normalizers\[0\] of type "Sequence"/,
    );
    expect(() => readNormalizer({ type: "Replace", pattern: { Regex: "a" }, content: "" })).toThrow(
      /pattern of kind "Regex"/,
    );
    expect(() => readNormalizer({ type: "Replace", pattern: { String: "" }, content: "b" })).toThrow(
      /must be a string that is not empty, got ""/,
    );
    expect(() => readNormalizer({ type: "Sequence" })).toThrow(/normalizer.normalizers must be an array, got nothing/);
  });
});
