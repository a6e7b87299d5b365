import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import type { TiktokenName } from "../../src/tokenizer/tiktoken.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { dataPath, describeWithData } from "../data.ts";

/** A rank file of all bytes and some longer tokens. */
function rankFile(...longer: string[]): string[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => Buffer.from([byte]));
  return [...bytes, ...longer.map((text) => Buffer.from(text))].map(
    (token, rank) => `${token.toString("base64")} ${rank}`,
  );
}

describe("fromTiktoken", () => {
  it("joins neighbours that make a token, lowest rank first", () => {
    const tokenizer = BPETokenizer.fromTiktoken(rankFile("lo", "we", "low", " lower", "é").join("\n"), "cl100k_base");
    expect(tokenizer.encode("lowe")).toEqual([256, 257]); // "we" before "low"
    expect(tokenizer.encode(" lower")).toEqual([259]); // nothing merges to it, but it is in the file
    expect(tokenizer.encode("é")).toEqual([260]);
    expect(tokenizer.decode([259, 260])).toBe(" loweré");
    expect(tokenizer.tokenBytes(260)).toEqual(Uint8Array.of(0xc3, 0xa9));
    expect(tokenizer.merges).toEqual([
      ["l", "o"],
      ["w", "e"],
      ["lo", "w"],
      ["Ã", "©"],
    ]);
    expect(tokenizer.mergeSteps("low")).toEqual([["l", "o", "w"], ["lo", "w"], ["low"]]);
  });

  it("takes ranks in any order, empty lines and carriage returns", () => {
    const text = `\n${rankFile("ab").reverse().join("\r\n")}\r\n\r\n`;
    expect(BPETokenizer.fromTiktoken(text, "gpt2").encode("ab")).toEqual([256]);
  });

  it.each<[TiktokenName, number, Record<string, number>]>([
    ["gpt2", 50257, { "<|endoftext|>": 50256 }],
    ["p50k_edit", 50284, { "<|fim_prefix|>": 50281, "<|fim_middle|>": 50282, "<|fim_suffix|>": 50283 }],
    ["cl100k_base", 100277, { "<|endoftext|>": 100257, "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276 }],
    ["o200k_base", 200019, { "<|endoftext|>": 199999, "<|endofprompt|>": 200018 }],
    [
      "o200k_harmony",
      201088,
      {
        "<|startoftext|>": 199998,
        "<|endoftext|>": 199999,
        "<|reserved_200001|>": 200001,
        "<|return|>": 200002,
        "<|constrain|>": 200003,
        "<|channel|>": 200005,
        "<|start|>": 200006,
        "<|end|>": 200007,
        "<|message|>": 200008,
        "<|call|>": 200012,
        "<|endofprompt|>": 200018,
        "<|reserved_201087|>": 201087,
      },
    ],
  ])("knows the special tokens of %s", (name, vocabSize, special) => {
    const tokenizer = BPETokenizer.fromTiktoken(rankFile().join("\n"), name);
    expect(tokenizer.vocabSize).toBe(vocabSize);
    expect(Object.fromEntries(tokenizer.specialTokens)).toMatchObject(special);
    for (const [content, id] of Object.entries(special)) {
      expect(tokenizer.encode(content, { allowedSpecial: "all" })).toEqual([id]);
      expect(tokenizer.encode(content)).toHaveLength(content.length);
    }
  });

  it("refuses an unknown name, and lists those that it knows", () => {
    const read = (): unknown => BPETokenizer.fromTiktoken("", "cl200k" as TiktokenName);
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(
      "must be one of gpt2, r50k_base, p50k_base, p50k_edit, cl100k_base, o200k_base, o200k_harmony",
    );
  });

  it.each<[string, (lines: string[]) => string[] | string, RegExp]>([
    [
      "text that is no base64",
      (lines) => lines.with(4, "B*== 4"),
      /line 5: expected base64, a space and a rank, got "B\*== 4"/,
    ],
    ["base64 that is cut off", (lines) => lines.with(4, "BA= 4"), /line 5: expected base64/],
    ["too much padding", (lines) => lines.with(4, "B=== 4"), /line 5: expected base64/],
    ["no base64 at all", (lines) => lines.with(4, " 4"), /line 5: expected base64/],
    ["a line of one word", (lines) => lines.with(4, "BA=="), /line 5: expected base64/],
    ["no rank", (lines) => lines.with(4, "BA== "), /line 5: the rank must be a number .*, got ""/],
    ["a rank in words", (lines) => lines.with(4, "BA== four"), /line 5: the rank must be a number .*, got "four"/],
    ["a negative rank", (lines) => lines.with(4, "BA== -4"), /line 5: the rank must be a number/],
    ["an enormous rank", (lines) => lines.with(4, "BA== 99999999999999999999"), /line 5: the rank must be a number/],
    ["a rank twice", (lines) => lines.with(4, "BA== 3"), /line 5: the rank 3 was given before/],
    ["bytes twice", (lines) => [...lines, "BA== 256"], /line 257: the token has the rank 4 already/],
    ["a hole", (lines) => [...lines, "YWI= 257"], /no line has the rank 256/],
    ["a missing byte", (lines) => lines.with(4, "YWI= 4"), /no line has the byte 4/],
    ["an empty file", () => "", /no line has the byte 0/],
    ["the rank of a special token", (lines) => [...lines, "YWI= 50256"], /line 257: the rank/],
    ["no text", () => 5 as unknown as string, /ranks must be the text of a rank file, got 5/],
  ])("finds malformed: %s", (_, damage, message) => {
    const damaged = damage(rankFile());
    const read = (): unknown =>
      BPETokenizer.fromTiktoken(Array.isArray(damaged) ? damaged.join("\n") : damaged, "gpt2");
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
  });
});

describe("fromGPT2", () => {
  const vocab = { l: 0, o: 1, w: 2, lo: 3, low: 4, "<|endoftext|>": 5 };

  it("reads both files", () => {
    const tokenizer = BPETokenizer.fromGPT2(JSON.stringify(vocab), "#version: 0.2\nl o\nlo w\n");
    expect(tokenizer.encode("lowlo")).toEqual([4, 3]);
    expect(tokenizer.eosId).toBe(5);
    expect(BPETokenizer.fromGPT2(vocab, "l o\r\nlo w").encode("low")).toEqual([4]);
  });

  it("finds what is malformed", () => {
    expect(() => BPETokenizer.fromGPT2("{", "")).toThrow(/encoder.json: not valid JSON/);
    expect(() => BPETokenizer.fromGPT2([], "")).toThrow(/encoder.json must be an object/);
    expect(() => BPETokenizer.fromGPT2(vocab, "l x")).toThrow(/needs "x", which is not in model.vocab/);
    expect(() => BPETokenizer.fromGPT2(vocab, "l o w")).toThrow(FormatError);
    expect(() => BPETokenizer.fromGPT2(vocab, 5 as unknown as string)).toThrow(/vocabBPE must be the text/);
    expect(() => BPETokenizer.fromGPT2({ l: -1 }, "")).toThrow(/must be an integer from 0 to/);
  });
});

describeWithData("OpenAI's vocabularies", () => {
  const read = (name: string): string => readFileSync(dataPath("tokenizers/tiktoken", name), "utf8");

  it.each<[string, TiktokenName]>([
    ["r50k_base", "r50k_base"],
    ["p50k_base", "p50k_edit"],
    ["cl100k_base", "cl100k_base"],
    ["o200k_base", "o200k_harmony"],
  ])("%s as %s goes through JSON and back", (file, name) => {
    const tokenizer = BPETokenizer.fromTiktoken(read(`${file}.tiktoken`), name);
    const text = read("TestPlans.txt");
    const tokens = tokenizer.encode(text);
    expect(tokenizer.decode(tokens)).toBe(text);
    const json = JSON.stringify(tokenizer);
    const again = tokenizerFromJSON(json);
    expect(again.encode(text)).toEqual(tokens);
    expect(JSON.stringify(again) === json).toBe(true); // without printing megabytes
  });

  it.each<TiktokenName>(["r50k_base", "o200k_base"])("%s takes hostile texts in linear time", (name) => {
    const tokenizer = BPETokenizer.fromTiktoken(read(`${name}.tiktoken`), name);
    let seed = 1;
    const letters = Array.from({ length: 2 ** 20 }, () =>
      String.fromCharCode(97 + ((seed = (seed * 48271) % 2147483647) % 26)),
    );
    for (const text of [
      "a".repeat(2 ** 20),
      " ".repeat(2 ** 20),
      "\n".repeat(2 ** 20),
      letters.join(""),
      "👩‍👩‍👧‍👦".repeat(5e4),
    ]) {
      const start = process.cpuUsage().user;
      expect(tokenizer.decode(tokenizer.encode(text)) === text).toBe(true);
      expect((process.cpuUsage().user - start) / 1e6).toBeLessThan(8); // about 0.3 s on a quiet machine; quadratic would be hours
    }
  });
});
