import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { Automaton, type Step } from "../../src/tokenizer/automaton.ts";
import { compilePattern } from "../../src/tokenizer/pattern.ts";

/** Reads a+b, written by hand: 0 a, 1 split to 0 and 2, 2 b, 3 match. */
const steps: Step[] = [{ set: 0, next: 1 }, { split: [0, 2] }, { set: 1, next: 3 }, { match: true }];

describe("Automaton", () => {
  it("runs a program", () => {
    const automaton = new Automaton({ source: "a+b", steps, first: 0, sets: [/^a$/u, /^b$/u] });
    expect(automaton.matchEnd("aabb", 0, 4)).toBe(3);
    expect(automaton.matchEnd("aabb", 1, 4)).toBe(3);
    expect(automaton.matchEnd("aabb", 0, 2)).toBe(-1);
    expect(automaton.matchEnd("aabb", 2, 4)).toBe(-1);
  });

  it("takes surrogates as one character only in pairs", () => {
    const automaton = compilePattern("[🙂\ufffd]+|.");
    expect(automaton.matchEnd("🙂🙂a", 0, 5)).toBe(4);
    expect(automaton.matchEnd("🙂🙂a", 0, 3)).toBe(2);
    expect(automaton.matchEnd("\ud83da", 0, 2)).toBe(1);
    expect(automaton.matchEnd("🙂🙂a", 0, 5)).toBe(4);
  });

  it.each([
    ["a*b", 0],
    ["a*b|a", 1],
    ["(aaaaaaa)*b|a", 1],
    [String.raw`a+$`, 0],
    [String.raw`a+\z|(a|x)+y`, 0],
  ])("gives up on %s in linear time", (pattern, length) => {
    const automaton = compilePattern(pattern);
    const text = `${"a".repeat(300_000)}c`; // the square of this would take minutes
    let wrong = 0;
    for (let at = 0; at < text.length - 8; at++) {
      const end = automaton.matchEnd(text, at, text.length);
      if (end !== (length === 0 ? -1 : at + length)) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it("forgets the marks of another text", () => {
    const automaton = compilePattern("a*b");
    const text = "a".repeat(1000);
    expect(automaton.matchEnd(`${text}c`, 0, 1001)).toBe(-1);
    expect(automaton.matchEnd(`${text}b`, 0, 1001)).toBe(1001);
    expect(automaton.matchEnd(`${text}b`, 0, 1000)).toBe(-1);
    expect(automaton.matchEnd(`${text}b`, 0, 1001)).toBe(1001);
  });

  it("starts its tables afresh when there are too many states", () => {
    const automaton = compilePattern("(a|b)*a(a|b){11}c");
    const oracle = /^(a|b)*a(a|b){11}c/;
    let seed = 1;
    const letters = Array.from({ length: 30_000 }, () => "ab"[(seed = (seed * 48271) % 2147483647) & 1]).join("");
    expect(automaton.matchEnd(letters, 0, letters.length)).toBe(-1);
    for (let length = 20; length < 60; length++) {
      const text = `${letters.slice(length, 2 * length)}c`;
      expect(automaton.matchEnd(text, 0, text.length)).toBe(oracle.test(text) ? text.length : -1);
    }
  });

  it("refuses more kinds of characters than it has symbols for", () => {
    const sets = Array.from(
      { length: 10 },
      (_, bit) =>
        new RegExp(
          `^[${Array.from({ length: 1024 }, (__, i) => i)
            .filter((i) => (i >> bit) & 1)
            .map((i) => `\\u{${(0x4e00 + i).toString(16)}}`)
            .join("")}]$`,
          "u",
        ),
    );
    const many: Step[] = [
      ...sets.map((_, set) => ({ set, next: 11 })),
      { split: sets.map((_, i) => i) },
      { match: true },
    ];
    const automaton = new Automaton({ source: "many", steps: many, first: 10, sets });
    expect(() => {
      for (let i = 0; i < 1024; i++) automaton.matchEnd(String.fromCodePoint(0x4e00 + i), 0, 1);
    }).toThrow(TokenizerError);
  });
});
