import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { readNormalizer } from "../../src/tokenizer/normalize.ts";
import {
  type AddedToken,
  AddedTokens,
  readAddedTokens,
  specialToken,
  writeAddedTokens,
} from "../../src/tokenizer/special.ts";

const END = "<|endoftext|>";
const tokenizer = BPETokenizer.train("the end of the text", { vocabSize: 270, specialTokens: [END, "<|end|>"] });

describe("the policy for special tokens", () => {
  it("leaves them plain text unless allowed", () => {
    const plain = tokenizer.encode(`a${END}`);
    expect(plain).not.toContain(0);
    expect(tokenizer.decode(plain)).toBe(`a${END}`);
  });

  it("matches those that are allowed, by name or all", () => {
    const [a] = tokenizer.encode("a");
    expect(tokenizer.encode(`a${END}a<|end|>`, { allowedSpecial: "all" })).toEqual([a, 0, a, 1]);
    expect(tokenizer.encode(`a${END}`, { allowedSpecial: [END] })).toEqual([a, 0]);
    expect(
      tokenizer.encode(`${END}<|end|>`, { allowedSpecial: new Set(["<|end|>"]) }).filter((token) => token < 2),
    ).toEqual([1]);
    expect(tokenizer.encode(`a${END}`, { allowedSpecial: [] })).toEqual(tokenizer.encode(`a${END}`));
  });

  it("says where they are", () => {
    expect(tokenizer.encodeWithOffsets(`a${END}b`, { allowedSpecial: "all" }).offsets).toEqual([
      [0, 1],
      [1, 14],
      [14, 15],
    ]);
  });

  it("refuses names that are no special token, and a bare string", () => {
    expect(() => tokenizer.encode("a", { allowedSpecial: ["<s>"] })).toThrow(
      /allowedSpecial names "<s>", which is no special token; special tokens: <\|endoftext\|> <\|end\|>/,
    );
    expect(() => tokenizer.encode("a", { allowedSpecial: END })).toThrow(
      /must be "all" or a list of special tokens, got "<\|endoftext\|>"/,
    );
    expect(() => tokenizer.encode("a", { allowedSpecial: 5 as unknown as string[] })).toThrow(ConfigError);
  });

  it("drops them from decoded text if asked to", () => {
    const tokens = tokenizer.encode(`the${END} end`, { allowedSpecial: "all" });
    expect(tokenizer.decode(tokens)).toBe(`the${END} end`);
    expect(tokenizer.decode(tokens, { skipSpecial: true })).toBe("the end");
    const stream = tokenizer.decoder({ skipSpecial: true });
    expect(tokens.map((token) => stream.push(token)).join("") + stream.flush()).toBe("the end");
  });
});

describe("AddedTokens", () => {
  const none = readNormalizer(null);
  const added = (content: string, id: number, settings: Partial<AddedToken> = {}): AddedToken => ({
    ...specialToken(content, id),
    special: false,
    ...settings,
  });
  const split = (list: AddedToken[], text: string): (string | number)[] =>
    new AddedTokens(list, none)
      .matcher(undefined, false)
      .split(text)
      .map(({ text: part, token }) => (token < 0 ? part : token));

  it("takes the leftmost match and of several the longest", () => {
    expect(split([added("ab", 1), added("abab", 2), added("b", 3)], "xababab")).toEqual(["x", 2, 1]);
    expect(split([added("$^.*", 1)], "a$^.*b")).toEqual(["a", 1, "b"]);
    expect(split([added("🙂", 1)], "🙂🙂")).toEqual([1, 1]);
    expect(split([], "")).toEqual([]);
  });

  it("takes in white space on the sides that strip", () => {
    expect(split([added("<m>", 1, { lstrip: true })], "a  <m> b")).toEqual(["a", 1, " b"]);
    expect(split([added("<m>", 1, { rstrip: true })], "a <m> \n<m>b")).toEqual(["a ", 1, 1, "b"]);
  });

  // What the Rust library gives for each of these.
  it("matches single words only where they stand alone", () => {
    const word = added("ab", 1, { singleWord: true });
    expect(split([word], "ab cab ab_ab ab")).toEqual([1, " cab ab_ab ", 1]);
    expect(split([word], "éab-ab!ab𝕳")).toEqual(["éab-", 1, "!ab𝕳"]);
    expect(split([word], "𝕳ab🙂ab")).toEqual(["𝕳ab🙂", 1]);
    expect(split([word, added("b", 2)], "xab")).toEqual(["xab"]); // the discarded match is passed over
  });

  it("goes on behind a match, not behind the white space that it takes in", () => {
    expect(split([added("<m>", 1, { rstrip: true }), added(" x", 2)], "<m> xy")).toEqual([1, 2, "y"]);
  });

  it("takes the special one of two that normalizing makes equal, or else the first", () => {
    const folding = readNormalizer({ type: "Lowercase" });
    const ids = (list: AddedToken[]): number[] =>
      new AddedTokens(list, folding)
        .matcher("all", true)
        .split("a")
        .map(({ token }) => token);
    const first = added("A", 1, { normalized: true });
    expect(ids([first, added("a", 2, { normalized: true })])).toEqual([1]);
    expect(ids([first, added("a", 2, { normalized: true, special: true })])).toEqual([2]);
  });

  it("is linear, also with thousands of tokens", () => {
    const list = Array.from({ length: 5000 }, (_, i) => added(`<|${i}|>`, i));
    expect(split(list, "<|".repeat(300_000) + "7|>")).toEqual(["<|".repeat(299_999), 7]);
    expect(split([...list, added(" ".repeat(31), 6000)], " ".repeat(310_000))).toHaveLength(10_000);
  });

  it("looks for normalized tokens in normalized text", () => {
    const tokens = new AddedTokens(
      [added(" x", 1, { normalized: true })],
      readNormalizer({ type: "Replace", pattern: { String: " " }, content: "▁" }),
    );
    expect(
      tokens
        .matcher(undefined, true)
        .split("a▁x")
        .map(({ token }) => token),
    ).toEqual([-1, 1]);
    expect(
      tokens
        .matcher(undefined, false)
        .split("a x")
        .map(({ token }) => token),
    ).toEqual([-1]);
  });

  it("never matches a token of which the normalizer leaves nothing", () => {
    const removing = readNormalizer({ type: "Replace", pattern: { String: "x" }, content: "" });
    const texts = (list: AddedToken[]): string[] =>
      new AddedTokens(list, removing)
        .matcher(undefined, true)
        .split("abc")
        .map(({ text }) => text);
    expect(texts([added("x", 1, { normalized: true })])).toEqual(["abc"]);
    expect(texts([added("x", 1, { normalized: true }), added("xb", 2, { normalized: true })])).toEqual(["a", "b", "c"]);
  });

  it("reads and writes its part of tokenizer.json", () => {
    const json = [
      { id: 3, content: "<s>", single_word: true, lstrip: false, rstrip: true, normalized: false, special: true },
    ];
    expect(writeAddedTokens(readAddedTokens(json))).toEqual(json);
    expect(readAddedTokens(undefined)).toEqual([]);
  });

  it("refuses malformed and unsupported entries", () => {
    expect(() => readAddedTokens([{ id: 1, content: "a".repeat(1001) }])).toThrow(/1001 characters, at most 1000/);
    expect(() =>
      readAddedTokens([
        { id: 1, content: "a" },
        { id: 1, content: "b" },
      ]),
    ).toThrow(/added_tokens\[1\] \("b", id 1\) repeats/);
    expect(() =>
      readAddedTokens([
        { id: 1, content: "a" },
        { id: 2, content: "a" },
      ]),
    ).toThrow(FormatError);
    expect(() => readAddedTokens([{ id: -1, content: "a" }])).toThrow(
      /added_tokens\[0\].id must be an integer from 0 to 16777215, got -1/,
    );
    expect(() => readAddedTokens([{ id: 1, content: "" }])).toThrow(/content must be a string that is not empty/);
    expect(() => readAddedTokens([{ id: 1, content: "a", special: "yes" }])).toThrow(
      /special must be true or false, got "yes"/,
    );
    expect(() => readAddedTokens({})).toThrow(/added_tokens must be an array, got an object/);
  });
});
