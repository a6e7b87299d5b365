import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { ChunkCutter } from "../../src/tokenizer/chunks.ts";
import { specialToken } from "../../src/tokenizer/special.ts";

const plain = (text: string): { start: number; text: string; token: number }[] => [{ start: 0, text, token: -1 }];

describe("ChunkCutter", () => {
  it("cuts at the last space that follows a word, if it lies far enough back", () => {
    const cutter = new ChunkCutter(true, 3, plain);
    expect(cutter.push("one two  three")).toBe("one two");
    expect(cutter.push(" fo")).toBe("  three");
    expect(cutter.push("ur")).toBe("");
    expect(cutter.rest()).toBe(" four");
    expect(cutter.rest()).toBe("");
  });

  it("holds everything back where nothing is safe", () => {
    const cutter = new ChunkCutter(false, 1, plain);
    expect(cutter.push("one two three")).toBe("");
    expect(cutter.rest()).toBe("one two three");
  });

  it("takes many chunks of one endless word in linear time", () => {
    const cutter = new ChunkCutter(true, 1, plain);
    for (let i = 0; i < 200_000; i++) cutter.push("abcde");
    expect(cutter.rest()).toHaveLength(1_000_000);
  });
});

describe("encodeChunks", () => {
  const parts = [
    "it was",
    " the",
    "  ",
    "\n",
    " ",
    "'",
    "s",
    "1859",
    "🙂",
    "\ud83d",
    "\ude42",
    "<|end",
    "oftext|>",
    "<m x>",
    "é",
    "!",
  ];
  const learnt = BPETokenizer.train("it was the best of times, it was the worst 🙂's 1859", {
    vocabSize: 300,
    minFrequency: 1,
  });
  const { vocab, merges } = learnt;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: true };
  const addedTokens = [
    specialToken("<|endoftext|>", 1000),
    { ...specialToken("<m x>", 1001), special: false, rstrip: true, lstrip: true },
    { ...specialToken(" the", 1002), special: false },
  ];
  const post = {
    type: "TemplateProcessing",
    single: [
      { SpecialToken: { id: "<|endoftext|>" } },
      { Sequence: { id: "A" } },
      { SpecialToken: { id: "<|endoftext|>" } },
    ],
    special_tokens: { "<|endoftext|>": { ids: [1000] } },
  };
  const tokenizer = new BPETokenizer({
    vocab,
    merges,
    addedTokens,
    preTokenizer: byteLevel,
    decoder: byteLevel,
    postProcessor: post,
  });
  const anyChunks = fc.array(
    fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((words) => words.join("")),
    { maxLength: 12 },
  );

  it("gives the tokens of the whole text, wherever the chunks break", () => {
    fc.assert(
      fc.property(anyChunks, fc.boolean(), fc.boolean(), (chunks, all, addSpecialTokens) => {
        const options = { addSpecialTokens, ...(all && { allowedSpecial: "all" as const }) };
        const expected = tokenizer.encode(chunks.join(""), options);
        expect([...tokenizer.encodeChunks(chunks, options)].flat()).toEqual(expected);
      }),
      { numRuns: 1500 },
    );
  });

  it("gives tokens before the text is over", () => {
    const chunks = learnt.encodeChunks(["it was the best ", "of times, it was"]);
    expect(chunks.next().value).toEqual(learnt.encode("it was the best"));
  });

  it("takes chunks that come over time", async () => {
    async function* slowly(): AsyncGenerator<string> {
      for (const chunk of ["it w", "as the b", "est"]) yield await Promise.resolve(chunk);
    }
    const tokens: number[] = [];
    for await (const more of tokenizer.encodeChunks(slowly())) tokens.push(...more);
    expect(tokens).toEqual(tokenizer.encode("it was the best"));
  });

  it("refuses what are no chunks", () => {
    expect(() => tokenizer.encodeChunks("text" as unknown as string[])).toThrow(TokenizerError);
    expect(() => tokenizer.encodeChunks(5 as unknown as string[])).toThrow("a list or a stream of strings, got number");
    expect(() => [...tokenizer.encodeChunks([5 as unknown as string])]).toThrow("a chunk must be a string, got number");
    expect(() => tokenizer.encodeChunks([], { special: "all" } as object)).toThrow(/unknown option "special"/);
  });
});
