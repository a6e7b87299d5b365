import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { findSplit, splitJSON, splitName } from "../../src/tokenizer/gguf-split.ts";
import { eachPiece, readPreTokenizer } from "../../src/tokenizer/pre-tokenize.ts";

function pieces(name: string, text: string): string[] {
  const { stages } = readPreTokenizer(splitJSON(findSplit(name).patterns));
  const found: string[] = [];
  eachPiece(stages, { text }, true, (whole, start, end) => found.push(whole.slice(start, end)));
  return found;
}

describe("findSplit", () => {
  it.each<[name: string, text: string, pieces: string]>([
    ["gpt-2", "I'LL 12345x  a!!\n\n", "I|'|LL| 12345|x| | a|!!|\n\n"],
    ["starcoder", "a 123b's", "a| |1|2|3|b|'s"],
    ["llama-bpe", "I'LL 12345x  a!!\n\n", "I|'LL| |123|45|x| | a|!!\n\n"],
    ["dbrx", "I'LL 12345x", "I|'LL| |123|45|x"],
    ["qwen2", "a 123.b", "a| |1|2|3|.b"],
    ["gpt-4o", "fooBar'S 1234/\n", "foo|Bar'S| |123|4|/\n"],
    ["llama4", "fooBar'S", "foo|Bar'S"],
    ["tekken", "fooBar's 12", "foo|Bar|'s| |1|2"],
    ["deepseek-v3", "ab's 1234你好カ!x", "ab|'s| |123|4|你好カ|!x"],
    ["deepseek-coder", "ab 12\ny!", "ab| |1|2|\n|y|!"],
    ["deepseek-llm", "ab ä 12\ny! 한", "ab| ä| |12|\n|y|!| |한"],
    ["falcon", "ab1234!=c `", "ab|123|4|!=|c| |`"],
    ["bloom", "ab 12, c", "ab| 12|,| c"],
    ["viking", "ab 12, c", "ab| |1|2|,| c"],
    ["default", "ab 1234!=c", "ab| |123|4|!=|c"],
  ])("cuts as the models behind %s do", (name, text, expected) => {
    expect(pieces(name, text).join("|")).toBe(expected);
  });

  it("knows under every name a split that heed can run and that keeps the whole text", () => {
    let names: string[] = [];
    try {
      findSplit("?");
    } catch (error) {
      names = (error as TokenizerError).message.split("supported: ")[1].split(" ");
    }
    expect(names.length).toBeGreaterThan(45);
    expect(new Set(names).size).toBe(names.length);
    const text = "I'll pay 12345 € (½) — ÄÖÜ, 你好 한국어 ქართული  \t\r\n\r\n x² 🙂👩‍👩‍👧 e\u0301!\n ";
    for (const name of names) expect(pieces(name, text).join(""), name).toBe(text);
  });

  it("says which tokenizers take a piece as it stands, and begin with BOS", () => {
    expect(findSplit("llama3")).toMatchObject({ ignoreMerges: true, addBos: true });
    expect(findSplit("tekken")).toMatchObject({ ignoreMerges: true, addBos: true });
    expect(findSplit("qwen2").ignoreMerges).toBeUndefined();
  });

  it.each([["gpt-7"], ["gpt-2 phi-2"], [""], [undefined], [7]])("refuses %j by name", (name) => {
    expect(() => findSplit(name)).toThrow(TokenizerError);
    expect(() => findSplit(name)).toThrow(
      `tokenizer.ggml.pre ${name === undefined ? "nothing" : JSON.stringify(name)} is not`,
    );
  });
});

describe("splitName", () => {
  it("finds the first name of each split from the stages that the split has", () => {
    let names: string[] = [];
    try {
      findSplit("?");
    } catch (error) {
      names = (error as TokenizerError).message.split("supported: ")[1].split(" ");
    }
    for (const name of names) {
      const split = findSplit(name);
      const stages = JSON.parse(JSON.stringify(splitJSON(split.patterns))) as object;
      const expected = split.names.split(" ")[0];
      expect(splitName(stages, split.normalizer, split.ignoreMerges ?? false), name).toBe(expected);
    }
  });

  it("knows GPT-2's split written out, too", () => {
    const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    const regex = findSplit("gpt-2").patterns[0];
    const split = { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
    expect(splitName(byteLevel, null, false)).toBe("gpt-2");
    const written = { type: "Sequence", pretokenizers: [split, { ...byteLevel, use_regex: false }] };
    expect(splitName(written, null, false)).toBe("gpt-2");
    const removed = { ...written, pretokenizers: [{ ...split, behavior: "Removed" }, byteLevel] };
    expect(splitName(removed, null, false)).toBeUndefined();
    for (const other of [null, split, { type: "Whitespace" }, { ...byteLevel, add_prefix_space: true }])
      expect(splitName(other, null, undefined)).toBeUndefined();
  });

  it("tells splits apart by what else goes with them", () => {
    const stages = splitJSON(findSplit("llama3").patterns);
    expect(splitName(stages, null, true)).toBe("llama-bpe");
    expect(splitName(stages, null, false)).toBe("dbrx");
    expect(splitName(stages, { type: "NFC" }, undefined)).toBeUndefined();
    expect(splitName(splitJSON(findSplit("qwen2").patterns), { type: "NFC" }, false)).toBe("qwen2");
  });
});
