import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, TokenizerError } from "../../src/errors.ts";
import { CharTokenizer } from "../../src/tokenizer/char.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";

describe("CharTokenizer", () => {
  it("gives ids in the order of code points", () => {
    const tokenizer = CharTokenizer.train("hello 🙂");
    expect([...tokenizer.vocab.keys()]).toEqual([" ", "e", "h", "l", "o", "🙂"]);
    expect(tokenizer.encode("hole🙂")).toEqual([2, 4, 3, 1, 5]);
    expect(tokenizer.decode([2, 4, 3, 1, 5])).toBe("hole🙂");
    expect(tokenizer.vocabSize).toBe(6);
    expect(tokenizer.encodeWithOffsets("h🙂o")).toEqual({
      tokens: [2, 5, 4],
      offsets: [
        [0, 1],
        [1, 3],
        [3, 4],
      ],
    });
  });

  it("names an unknown character and its position", () => {
    const tokenizer = CharTokenizer.train("abc");
    expect(() => tokenizer.encode("abé")).toThrow(/no token for "é" \(U\+00E9\) at position 2 of the text/);
    expect(() => tokenizer.encode("abé")).toThrow(TokenizerError);
  });

  it("gives special tokens the first ids", () => {
    const tokenizer = CharTokenizer.train(["ba", "c"], { specialTokens: ["<bos>", "<eos>"] });
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([0, 1]);
    expect(tokenizer.encode("<bos>ab<eos>", { allowedSpecial: "all" })).toEqual([0, 2, 3, 1]);
    expect(tokenizer.decode([0, 2, 1], { skipSpecial: true })).toBe("a");
    expect(() => tokenizer.encode("<bos>")).toThrow(/"<"/);
  });

  it("turns back the text it was made from, also through JSON", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const tokenizer = CharTokenizer.train(text, { specialTokens: ["<eos>"] });
        const again = tokenizerFromJSON(JSON.stringify(tokenizer));
        expect(again).toBeInstanceOf(CharTokenizer);
        const tokens = tokenizer.encode(text);
        expect(again.encode(text)).toEqual(tokens);
        expect(again.decode(tokens)).toBe(text);
        expect(again.toJSON()).toEqual(tokenizer.toJSON());
      }),
    );
  });

  it("keeps digits apart from the order in which JSON objects list them", () => {
    const tokenizer = CharTokenizer.train("b2a1", { specialTokens: ["<eos>"] });
    const again = tokenizerFromJSON(tokenizer.toJSON());
    expect(again.encode("12ab")).toEqual(tokenizer.encode("12ab"));
    expect(again.eosId).toBe(0);
  });

  it("refuses an empty text, unknown options and bad special tokens", () => {
    expect(() => CharTokenizer.train("")).toThrow(ConfigError);
    expect(() => CharTokenizer.train("a", { special: [] } as object)).toThrow(/unknown option "special"/);
    expect(() => CharTokenizer.train("a", { specialTokens: ["."] })).toThrow(
      /specialTokens\[0\] must be a string of at least two characters/,
    );
    expect(() => CharTokenizer.train(7 as unknown as string)).toThrow(
      /text must be a string or a list of strings, got number/,
    );
  });
});
