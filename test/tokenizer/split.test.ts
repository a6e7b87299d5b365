import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GPT2_PATTERN } from "../../src/tokenizer/pre-tokenize.ts";
import { SPLIT_BEHAVIORS, type SplitBehavior, cutsAtSpaces, splitPieceEnd } from "../../src/tokenizer/split.ts";

const raw = String.raw;

/** The pieces of a text, those left out as well, marked with "-". */
function cut(text: string, pattern: string, behavior?: SplitBehavior, invert?: boolean): string[] {
  const pieceEnd = splitPieceEnd(pattern, behavior, invert);
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    const end = pieceEnd(text, start, text.length);
    const stop = end < 0 ? ~end : end;
    pieces.push((end < 0 ? "-" : "") + text.slice(start, stop));
    start = stop;
  }
  return pieces;
}

const CONTRACTION = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const UPPER = raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const words = (numbers: string): string =>
  raw`${CONTRACTION}|[^\r\n\p{L}\p{N}]?\p{L}+|${numbers}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const capitals = (ending: string, numbers: string): string =>
  raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+${ending}|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*${ending}|${numbers}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Published patterns, by a model that has them. */
const PUBLISHED: Readonly<Record<string, string>> = {
  "GPT-2": GPT2_PATTERN,
  "Llama 3": words(raw`\p{N}{1,3}`),
  Qwen: words(raw`\p{N}`),
  "GPT-4": raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\z|\s*[\r\n]|\s+(?!\S)|\s`,
  "GPT-4o": capitals(`${CONTRACTION}?`, raw`\p{N}{1,3}`),
  Tekken: capitals("", raw`\p{N}`),
  DeepSeek: raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^${"\r\n"}\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[${"\r\n"}]*|\s*[${"\r\n"}]+|\s+(?!\S)|\s+`,
};

/** The same pattern for JavaScript's engine: these have no possessive quantifier that backtracking would pass. */
function translate(pattern: string): RegExp {
  const source = pattern
    .replace(/\[(?=sdmt)/, "[SDMTſ")
    .replace(/\(\?i:([^)]*)\)/g, (_, content: string) => {
      const anyCase = content.replace(
        /(?<!\[\w*)[a-z](?![\wſ]*\])/g,
        (letter) => `[${letter}${letter.toUpperCase()}${letter === "s" ? "ſ" : ""}]`,
      );
      return `(?:${anyCase})`;
    })
    .replaceAll(raw`\z`, "$")
    .replaceAll(raw`\s`, raw`\p{White_Space}`)
    .replaceAll(raw`\S`, raw`\P{White_Space}`)
    .replace(/(\}|\]|White_Space\})([?+*])\+/g, "$1$2")
    .replaceAll("{|}~]", raw`\{\|\}~]`)
    .replace(/"#\$%&'\(\)\*\+,\\-/, raw`"#$%&'()*+,\-`);
  return new RegExp(source, "gu");
}

const PARTS =
  " |  |   |\n|\r\n|\r|\t|\u0085|\uFEFF|\u00a0|\u3000|\u200b|'|'s|'S|'ſ|'ll|'LL|'rE|’s|a|ab|Z|AbC|é|e\u0301|ß|ǅ|ʰ|ª|1|12|1234|²|Ⅷ|١|.|!?|_|-|/|//|$|+|漢|かな|🙂|👩‍👧|𝕳|𝟙|𐐀|\u0000|hello|World|don't|I'M";
const texts = fc.oneof(
  fc.array(fc.constantFrom(...PARTS.split("|")), { maxLength: 30 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
);

describe("splitPieceEnd", () => {
  it.each(Object.entries(PUBLISHED))("cuts as a backtracking engine does: %s", (_, pattern) => {
    const oracle = translate(pattern);
    fc.assert(
      fc.property(texts, (text) => {
        const joined = (text.match(oracle) ?? []).join("");
        const pieces = cut(text, pattern);
        if (joined === text) expect(pieces).toEqual(text.match(oracle) ?? []);
        else expect(pieces.join("")).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it("stops at the limit as at the end of the text", () => {
    const pieceEnd = splitPieceEnd(GPT2_PATTERN);
    expect(pieceEnd("a  b", 1, 3)).toBe(3);
    expect(pieceEnd("a  b", 1, 4)).toBe(2);
    expect(pieceEnd("I'll", 1, 3)).toBe(2);
  });

  // The table of the Rust library's own tests.
  it.each<[SplitBehavior, string[]]>([
    ["Removed", ["How", "- ", "are", "- ", "you", "- ", "doing", "?"]],
    ["Isolated", ["How", " ", "are", " ", "you", " ", "doing", "?"]],
    ["MergedWithPrevious", ["How ", "are ", "you ", "doing", "?"]],
    ["MergedWithNext", ["How", " are", " you", " doing", "?"]],
    ["Contiguous", ["How", " ", "are", " ", "you", " ", "doing?"]],
  ])("inverted, %s", (behavior, pieces) => {
    expect(cut("How are you doing?", raw`\w+|[^\w\s]+`, behavior, true)).toEqual(pieces);
  });

  it.each<[SplitBehavior, string[]]>([
    ["Removed", ["a", "--", "--", "b", "--"]],
    ["Isolated", ["a", "-", "-", "b", "-"]],
    ["MergedWithPrevious", ["a-", "-", "b-"]],
    ["MergedWithNext", ["a", "-", "-b", "-"]],
    ["Contiguous", ["a", "--", "b", "-"]],
  ])("at neighbouring matches, %s", (behavior, pieces) => {
    expect(cut("a--b-", "-", behavior)).toEqual(pieces);
  });

  it("covers every text, whatever the behaviour", () => {
    fc.assert(
      fc.property(texts, fc.constantFrom(...SPLIT_BEHAVIORS), fc.boolean(), (text, behavior, invert) => {
        const pieceEnd = splitPieceEnd(raw`\s|\d\d|ab?`, behavior, invert);
        for (let start = 0, stop = 0; start < text.length; start = stop) {
          const end = pieceEnd(text, start, text.length);
          stop = end < 0 ? ~end : end;
          expect(stop).toBeGreaterThan(start);
          expect(stop).toBeLessThanOrEqual(text.length);
        }
      }),
    );
  });

  it.each(["a", " ", "\n", " \n", "\n ", "'", "👩‍👩‍👧‍👦", "1", "aB", "\u0301"])(
    "takes a million of %j in its stride",
    (unit) => {
      const text = unit.repeat(1_000_000 / unit.length);
      for (const pattern of Object.values(PUBLISHED)) {
        const pieceEnd = splitPieceEnd(pattern);
        let steps = 0;
        for (let start = 0; start < text.length; steps++) start = pieceEnd(text, start, text.length);
        expect(steps).toBeGreaterThan(0);
      }
    },
  );
});

describe("cutsAtSpaces", () => {
  it("is sure of the published patterns, and of no others", () => {
    for (const pattern of Object.values(PUBLISHED)) expect(cutsAtSpaces(pattern), pattern).toBe(true);
    for (const pattern of [raw`a b|\s+`, raw`\p{L}+`, raw`.+|\s+`, raw`a(?!b)|a\z|\s`, raw`(?:a| )+|\s`])
      expect(cutsAtSpaces(pattern), pattern).toBe(false);
  });
});
