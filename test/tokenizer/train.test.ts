import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { splitGPT2 } from "../../src/tokenizer/pre-tokenize.ts";
import { byteSymbols } from "../../src/tokenizer/byte-level.ts";
import { dataPath, describeWithData } from "../data.ts";

/** BPE training as its definition says it: count every pair, join the most frequent, start over. */
function naiveMerges(texts: string[], wanted: number, minFrequency: number): string[] {
  const alphabet = [...byteSymbols].sort();
  const ids = new Map(alphabet.map((symbol, id) => [symbol, id]));
  let words = texts
    .flatMap(splitGPT2)
    .map((word) => Array.from(new TextEncoder().encode(word), (byte) => byteSymbols[byte]));
  const merges: string[] = [];
  while (ids.size < 256 + wanted) {
    const counts = new Map<string, { left: string; right: string; count: number }>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const key = `${word[i - 1]} ${word[i]}`;
        const entry = counts.get(key) ?? { left: word[i - 1], right: word[i], count: 0 };
        entry.count++;
        counts.set(key, entry);
      }
    }
    const idOf = (spelling: string): number => ids.get(spelling) as number;
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || idOf(a.left) - idOf(b.left) || idOf(a.right) - idOf(b.right),
    );
    if (best === undefined || best.count < minFrequency) break;
    const { left, right } = best;
    if (!ids.has(left + right)) ids.set(left + right, ids.size);
    if (!merges.includes(`${left} ${right}`)) merges.push(`${left} ${right}`);
    words = words.map((word) => {
      const joined: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const pair = word[i] === left && word[i + 1] === right;
        joined.push(pair ? left + right : word[i]);
        if (pair) i++;
      }
      return joined;
    });
  }
  return merges;
}

const spelt = (tokenizer: BPETokenizer): string[] => tokenizer.merges.map((merge) => merge.join(" "));

describeWithData("training parity with the Hugging Face trainer", () => {
  it.each([
    ["corpus-en", "tokenizers/bpe-training/corpus.en", 3000],
    ["tinyshakespeare", "corpora/tinyshakespeare.txt", 8000],
  ])("learns the same merges in the same order from %s", (name, path, count) => {
    const expected = readFileSync(dataPath(`tokenizers/bpe-training/hf-merges-${name}.txt`), "utf8")
      .trimEnd()
      .split("\n");
    const text = readFileSync(dataPath(path), "utf8");
    const alphabet = new Set(new TextEncoder().encode(text)).size;
    const tokenizer = BPETokenizer.train(text, { vocabSize: alphabet + count, initialAlphabet: "observed" });
    expect(expected).toHaveLength(count);
    expect(spelt(tokenizer)).toEqual(expected);
    expect(tokenizer.vocabSize).toBe(alphabet + count);
  });
});

describe("BPETokenizer.train", () => {
  it("equals the naive definition on random corpora", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "\n"), maxLength: 80 });
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        (texts, minFrequency) => {
          fc.pre(texts.join("") !== "");
          const tokenizer = BPETokenizer.train(texts, { vocabSize: 256 + 25, minFrequency });
          expect(spelt(tokenizer)).toEqual(naiveMerges(texts, 25, minFrequency));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("gives ids to special tokens first, then bytes, then merges", () => {
    const tokenizer = BPETokenizer.train("low lower lowest low", {
      vocabSize: 262,
      specialTokens: ["<|endoftext|>", "<|pad|>"],
    });
    expect(tokenizer.tokenToId("<|endoftext|>")).toBe(0);
    expect(tokenizer.tokenToId("<|pad|>")).toBe(1);
    expect(tokenizer.tokenToId("!")).toBe(2);
    expect(tokenizer.tokenToId("lo")).toBe(258);
    expect(tokenizer.merges.slice(0, 2)).toEqual([
      ["l", "o"],
      ["lo", "w"],
    ]);
    expect(tokenizer.vocabSize).toBe(262);
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([0, 0]);
  });

  it("stops early when no pair is left, and merges what occurs once only if asked to", () => {
    expect(BPETokenizer.train("abc", { vocabSize: 1000 }).vocabSize).toBe(256);
    expect(BPETokenizer.train("abc", { vocabSize: 1000, minFrequency: 1 }).vocabSize).toBe(258);
  });

  it("never learns a special token from plain text", () => {
    const text = "stop stop stop stop";
    const tokenizer = BPETokenizer.train(text, { vocabSize: 400, specialTokens: ["stop", "<s>"] });
    expect(tokenizer.encode(text)).not.toContain(0);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.encode("stop", { allowedSpecial: "all" })).toEqual([0]);
  });

  it("takes texts one by one, and the order of equal words does not matter", () => {
    const lines = ["the cat", "the dog", "a cat and a dog"];
    const once = BPETokenizer.train(lines, { vocabSize: 300 });
    const reversed = BPETokenizer.train(new Set([...lines].reverse()), { vocabSize: 300 });
    expect(reversed.merges).toEqual(once.merges);
  });

  it("reports progress and ends with all merges", () => {
    const seen: { merges: number; total: number }[] = [];
    const tokenizer = BPETokenizer.train("the cat and the hat and the bat", {
      vocabSize: 262,
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.at(-1)).toEqual({ merges: tokenizer.merges.length, total: 6 });
  });

  it("stops through a signal", () => {
    const abort = new AbortController();
    function* texts(): Generator<string> {
      yield "some text";
      abort.abort(new Error("enough"));
      yield "more text";
    }
    expect(() => BPETokenizer.train(texts(), { vocabSize: 300, signal: abort.signal })).toThrow(AbortError);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ["no options", "text", undefined, /vocabSize must be an integer >= 1|vocabSize must be an integer from 1/],
    ["an unknown option", "text", { vocabSize: 300, vocabsize: 3 }, /unknown option "vocabsize"/],
    ["an empty text", "", { vocabSize: 300 }, /the text is empty; pass the text to learn from/],
    ["no texts", [], { vocabSize: 300 }, /the text is empty/],
    [
      "a small vocabSize",
      "text",
      { vocabSize: 256, specialTokens: ["<s>"] },
      /vocabSize 256 is too small: 1 special tokens and 256 bytes need 257/,
    ],
    ["a fractional vocabSize", "text", { vocabSize: 300.5 }, /vocabSize must be an integer/],
    ["a minFrequency of 0", "text", { vocabSize: 300, minFrequency: 0 }, /minFrequency must be an integer >= 1, got 0/],
    [
      "another alphabet",
      "text",
      { vocabSize: 300, initialAlphabet: "latin" },
      /initialAlphabet must be "bytes" or "observed", got "latin"/,
    ],
    ["a special token of one character", "text", { vocabSize: 300, specialTokens: ["."] }, /specialTokens\[0\]/],
    ["a special token twice", "text", { vocabSize: 300, specialTokens: ["<s>", "<s>"] }, /"<s>" twice/],
    [
      "special tokens that are no list",
      "text",
      { vocabSize: 300, specialTokens: "<s>" },
      /must be a list of strings, got string/,
    ],
    ["progress that is no function", "text", { vocabSize: 300, onProgress: 1 }, /onProgress must be a function/],
    ["a number for text", 5, { vocabSize: 300 }, /text must be a string or a list of strings, got number/],
    ["a number among the texts", ["a", 5], { vocabSize: 300 }, /text 1 must be a string, got number/],
  ])("refuses %s", (_, text, options, message) => {
    const run = (): unknown => BPETokenizer.train(text as string, options as { vocabSize: number });
    expect(run).toThrow(ConfigError);
    expect(run).toThrow(message);
  });
});
