import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { splitGPT2 } from "../../src/tokenizer/pre-tokenize.ts";
import { byteSymbols } from "../../src/tokenizer/byte-level.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import type { BPETrainProgress } from "../../src/tokenizer/train.ts";
import { dataPath, describeWithData } from "../data.ts";

interface NaiveOptions {
  merges: number;
  minFrequency: number;
  maxTokenLength?: number;
  /** Number of bytes to keep; undefined keeps all 256. */
  limitAlphabet?: number;
}

/** BPE training as its definition says it: count every pair, join the most frequent, start over. */
function naiveMerges(texts: string[], o: NaiveOptions): string[] {
  let words = texts
    .flatMap(splitGPT2)
    .map((word) => Array.from(new TextEncoder().encode(word), (byte) => byteSymbols[byte]));
  let alphabet = [...byteSymbols].sort();
  if (o.limitAlphabet !== undefined) {
    const all = words.flat();
    const countOf = (symbol: string): number => all.filter((other) => other === symbol).length;
    const byCount = alphabet.filter((symbol) => all.includes(symbol)).sort((a, b) => countOf(b) - countOf(a));
    alphabet = byCount.slice(0, o.limitAlphabet).sort();
    words = words.map((word) => word.filter((symbol) => alphabet.includes(symbol)));
  }
  const ids = new Map(alphabet.map((symbol, id) => [symbol, id]));
  const merges: string[] = [];
  while (ids.size < alphabet.length + o.merges) {
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
    const [best] = [...counts.values()]
      .filter(({ left, right }) => left.length + right.length <= (o.maxTokenLength ?? Infinity))
      .sort((a, b) => b.count - a.count || idOf(a.left) - idOf(b.left) || idOf(a.right) - idOf(b.right));
    if (best === undefined || best.count < o.minFrequency) break;
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

/** Texts one by one, each after a turn of the event loop. */
async function* slowly(texts: Iterable<string>): AsyncGenerator<string> {
  for (const text of texts) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    yield text;
  }
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
    // Few letters make many ties and runs; "ab" + "c" and "a" + "bc" are then often learnt both.
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "\n"), maxLength: 80 });
    const few = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 120 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(text, few), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        (texts, minFrequency, maxTokenLength, limitAlphabet) => {
          fc.pre(texts.join("") !== "");
          const limit = limitAlphabet === undefined ? {} : ({ initialAlphabet: "observed", limitAlphabet } as const);
          const alphabet = Math.min(limitAlphabet ?? 256, new Set(new TextEncoder().encode(texts.join(""))).size);
          const vocabSize = (limitAlphabet === undefined ? 256 : alphabet) + 25;
          const tokenizer = BPETokenizer.train(texts, { vocabSize, minFrequency, maxTokenLength, ...limit });
          expect(spelt(tokenizer)).toEqual(
            naiveMerges(texts, { merges: 25, minFrequency, maxTokenLength, limitAlphabet }),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it("gives ties to the pair of lower ids, whatever came first in the text", () => {
    const ties = { vocabSize: 260, minFrequency: 1 };
    expect(spelt(BPETokenizer.train(["cd", "ab", "cb", "ad"], ties))).toEqual(["a b", "a d", "c b", "c d"]);
    expect(spelt(BPETokenizer.train("aaaaa", ties))).toEqual(["a a", "aa a", "aa aaa"]);
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

  it("reads documents one by one: no word crosses from one into the next", () => {
    expect(BPETokenizer.train(["ab", "cd", "ab", "cd"], { vocabSize: 300 }).merges).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    expect(BPETokenizer.train("abcdabcd", { vocabSize: 257 }).merges).toEqual([["a", "b"]]);
  });

  it("makes no token longer than maxTokenLength bytes, and some as long", () => {
    const tokenizer = BPETokenizer.train("ééé sea-shells sea-shells ".repeat(9), { vocabSize: 400, maxTokenLength: 4 });
    const lengths = [...tokenizer.vocab.values()].map((id) => tokenizer.tokenBytes(id).length);
    expect(Math.max(...lengths)).toBe(4);
    expect(BPETokenizer.train("aaaa aaaa", { vocabSize: 400, maxTokenLength: 1 }).merges).toEqual([]);
  });

  it("keeps the most frequent bytes with limitAlphabet, and learns as if the others were not there", () => {
    const text = "axbaxbaxb ayb";
    const tokenizer = BPETokenizer.train(text, { vocabSize: 3, initialAlphabet: "observed", limitAlphabet: 2 });
    expect([...tokenizer.vocab.keys()]).toEqual(["a", "b", "ab"]);
    const all = BPETokenizer.train(text, { vocabSize: 5, initialAlphabet: "observed", limitAlphabet: 99 });
    expect([...all.vocab.keys()]).toEqual(["a", "b", "x", "y", "Ġ"]);
  });

  it.each(["gpt2", "cl100k_base", "o200k_base"] as const)(
    "cuts words as %s does and says so in tokenizer.json",
    (pattern) => {
      const text = "12345 HELLO'S ".repeat(20);
      const tokenizer = BPETokenizer.train(text, { vocabSize: 300, specialTokens: ["<|endoftext|>"], pattern });
      const read = tokenizerFromJSON(JSON.stringify(tokenizer));
      expect(read.encode(text)).toEqual(tokenizer.encode(text));
      expect(read.decode(read.encode(text))).toBe(text);
      const words = tokenizer.encode(text).map((id) => tokenizer.decode([id]));
      expect(words.includes("12345")).toBe(pattern === "gpt2");
      expect(words.includes("123")).toBe(pattern !== "gpt2");
      expect(words.includes(" HELLO'S")).toBe(pattern === "o200k_base");
    },
  );

  it("takes lone surrogates for U+FFFD, as encode does", () => {
    const lone = BPETokenizer.train("\ud800b \ud800b", { vocabSize: 262 });
    expect(lone.merges).toEqual(BPETokenizer.train("\ufffdb \ufffdb", { vocabSize: 262 }).merges);
  });

  it("is near linear in the length of a word", () => {
    const seconds = (text: string): number => {
      const start = performance.now();
      BPETokenizer.train(text, { vocabSize: 2000 });
      return (performance.now() - start) / 1000;
    };
    expect(seconds("a".repeat(1_000_000))).toBeLessThan(5); // 0.3 s; scanning the word for every merge would take minutes
    const letters = Array.from({ length: 200_000 }, (_, i) => "abcdefghijklmnop"[(i * i * 7 + (i >> 3)) & 15]).join("");
    expect(seconds(letters)).toBeLessThan(5); // 0.3 s
  });

  it("reports progress: characters while it reads, then merges, and ends with all of them", () => {
    const seen: BPETrainProgress[] = [];
    const tokenizer = BPETokenizer.train(["the cat and the hat and the bat", "x".repeat(100_000)], {
      vocabSize: 262,
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen[0]).toEqual({ merges: 0, total: 262, characters: 100_031 });
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
});

describe("BPETokenizer.trainAsync", () => {
  const lines = Array.from({ length: 50 }, (_, i) => `the ${i} cats and ${i * 7} dogs saw ${i % 3} birds`);
  const options = { vocabSize: 340, specialTokens: ["<s>"] };

  it("learns the same from a list, a set, a text, and texts that come over time", async () => {
    const expected = JSON.stringify(BPETokenizer.train(lines, options));
    for (const texts of [lines, new Set(lines), slowly(lines), slowly([...lines].reverse())])
      expect(JSON.stringify(await BPETokenizer.trainAsync(texts, options))).toBe(expected);
    const joined = lines.join("\n");
    expect(JSON.stringify(await BPETokenizer.trainAsync(joined, options))).toBe(
      JSON.stringify(BPETokenizer.train(joined, options)),
    );
  });

  it("lets timers fire while it reads and while it learns", async () => {
    let merges = 0;
    let seenReading = 0;
    let seenLearning = 0;
    const timer = setInterval(() => (merges > 0 ? seenLearning++ : seenReading++), 1);
    const words = Array.from({ length: 150_000 }, (_, i) => ((i * 2654435761) % 2 ** 32).toString(26)).join(" ");
    const onProgress = (progress: BPETrainProgress): void => void (merges = progress.merges);
    await BPETokenizer.trainAsync(words, { vocabSize: 1500, onProgress });
    clearInterval(timer);
    expect(seenReading).toBeGreaterThan(1);
    expect(seenLearning).toBeGreaterThan(1);
  });

  it("stops through a signal while it reads, closing the source, and while it learns", async () => {
    const abort = new AbortController();
    let closed = false;
    async function* texts(): AsyncGenerator<string> {
      try {
        for (;;) yield* slowly(["some text ".repeat(10_000)]);
      } finally {
        closed = true;
      }
    }
    setTimeout(() => abort.abort(new Error("enough")), 20);
    await expect(BPETokenizer.trainAsync(texts(), { ...options, signal: abort.signal })).rejects.toThrow(AbortError);
    expect(closed).toBe(true);

    const later = new AbortController();
    const onProgress = ({ merges }: BPETrainProgress): void => void (merges > 0 && later.abort());
    const learning = BPETokenizer.trainAsync(lines, {
      vocabSize: 2000,
      minFrequency: 1,
      signal: later.signal,
      onProgress,
    });
    await expect(learning).rejects.toThrow(AbortError);
  });

  it("passes on what a source throws, and refuses what is no source", async () => {
    async function* broken(): AsyncGenerator<string> {
      yield* slowly(["some text"]);
      throw new RangeError("gone");
    }
    await expect(BPETokenizer.trainAsync(broken(), options)).rejects.toThrow(RangeError);
    await expect(BPETokenizer.trainAsync(5 as never, options)).rejects.toThrow(/a list of strings, got number/);
    await expect(BPETokenizer.trainAsync(slowly(["a", 5 as never]), options)).rejects.toThrow(
      /text 1 must be a string/,
    );
    await expect(BPETokenizer.trainAsync(slowly([]), options)).rejects.toThrow(/the text is empty/);
    expect(() => BPETokenizer.train(slowly(lines) as never, options)).toThrow(/a list of strings, got object/);
  });
});

describe("what training refuses", () => {
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
    [
      "a limit to all bytes",
      "text",
      { vocabSize: 300, limitAlphabet: 9 },
      /limitAlphabet needs initialAlphabet "observed"/,
    ],
    [
      "an empty alphabet",
      "text",
      { vocabSize: 300, initialAlphabet: "observed", limitAlphabet: 0 },
      /limitAlphabet must be an integer >= 1, got 0/,
    ],
    ["a maxTokenLength of 0", "text", { vocabSize: 300, maxTokenLength: 0 }, /maxTokenLength must be an integer >= 1/],
    [
      "another pattern",
      "text",
      { vocabSize: 300, pattern: "bert" },
      /train: pattern must be one of gpt2, .* got "bert"/,
    ],
    ["a signal that is none", "text", { vocabSize: 300, signal: 1 }, /signal must be an AbortSignal/],
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
