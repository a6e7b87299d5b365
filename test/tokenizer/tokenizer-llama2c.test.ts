import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { HeedError } from "../../src/errors.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { tokenizerFromLlama2c } from "../../src/tokenizer/tokenizer-llama2c.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { dataPath, describeWithData } from "../data.ts";

type Entry = [spelling: string | Uint8Array, score: number];

/** A tokenizer.bin. */
function file(entries: Entry[], longest = 7): Uint8Array {
  const bytes = [...new Uint8Array(Uint32Array.of(longest).buffer)];
  for (const [spelling, score] of entries) {
    const utf8 = typeof spelling === "string" ? new TextEncoder().encode(spelling) : spelling;
    bytes.push(
      ...new Uint8Array(Float32Array.of(score).buffer),
      ...new Uint8Array(Uint32Array.of(utf8.length).buffer),
      ...utf8,
    );
  }
  return Uint8Array.from(bytes);
}

/** The 259 tokens that every file begins with, bytes spelt "<0x00>" or, as in old exports, as the character itself. */
function head(old: boolean): Entry[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const spelt = bytes.map((name, byte): Entry => [old ? String.fromCharCode(byte) : name, 0]);
  const [bos, eos] = old ? ["\n<s>\n", "\n</s>\n"] : ["<s>", "</s>"];
  return [["<unk>", 0], [bos, 0], [eos, 0], ...spelt];
}

const pieces: Entry[] = [
  [" ", -9],
  ["a", -8],
  ["b", -7],
  ["ab", -2],
  [" ab", -3],
  ["<", -9],
];

describe("tokenizerFromLlama2c", () => {
  it.each([false, true])("reads spellings of both kinds of export (old: %s)", (old) => {
    const tokenizer = tokenizerFromLlama2c(file([...head(old), ...pieces]));
    expect(tokenizer.vocabSize).toBe(265);
    expect(tokenizer.encode("ab ab", { addSpecialTokens: true })).toEqual([1, 263, 263]);
    expect(tokenizer.encode("é\n<s>")).toEqual([259, 0xc3 + 3, 0xa9 + 3, 10 + 3, 264, 0x73 + 3, 0x3e + 3]);
    expect(tokenizer.encode("<s>", { allowedSpecial: "all" })).toEqual([1]);
    expect(tokenizer.decode([263, 0xc3 + 3, 0xa9 + 3])).toBe("abé");
    expect([tokenizer.bosId, tokenizer.eosId]).toEqual([1, 2]);
  });

  const whole = file([...head(false), ...pieces]);
  const cases: [string, unknown, string][] = [
    ["no bytes", new Uint8Array(0), "tokenizer.bin: token 0, byte 0: truncated: the file has 0 bytes"],
    ["nothing but the head", whole.slice(0, 4), "truncated: at least 259 tokens must be there"],
    ["half a length", whole.slice(0, 10), "token 0, byte 4: truncated: a score and a length take 8 bytes"],
    ["half a spelling", whole.slice(0, 14), "token 0, byte 12: truncated: needs 5 bytes, 2 are left"],
    ["a length of 2^32 - 1", whole.with(8, 255).with(9, 255).with(10, 255).with(11, 255), "needs 4294967295 bytes"],
    [
      "not UTF-8",
      file([...head(false), [Uint8Array.of(0xff), 0]]),
      "token 259, byte 3632: the spelling is not valid UTF-8",
    ],
    ["a spelling twice", file([...head(false), ["a", 0], ["a", 0]]), 'tokens 259 and 260 are both spelt "a"'],
    [
      "a score that is no number",
      file([...head(false), ["a", NaN]]),
      "tokenizer.bin: the score of token 259 is not a number",
    ],
    ["text", "tokenizer", "tokenizer.bin: must be given as a Uint8Array"],
  ];
  it.each(cases)("refuses %s", (_, bytes, message) => {
    let found = "no error";
    try {
      tokenizerFromLlama2c(bytes as Uint8Array);
    } catch (error) {
      if (!(error instanceof HeedError)) throw error;
      expect(error.code).toBe("format");
      found = error.message;
    }
    expect(found).toContain(message);
  });
});

describeWithData("llama2.c's tok512.bin", () => {
  let tokenizer: Tokenizer;
  let twin: Tokenizer;
  beforeAll(() => {
    tokenizer = tokenizerFromLlama2c(readFileSync(dataPath("stories260K/reference/tok512.bin")));
    twin = tokenizerFromJSON(readFileSync(dataPath("stories260K/tokenizer.json"), "utf8"));
  });

  it("gives the ids and texts of the model's tokenizer.json", () => {
    const { texts } = JSON.parse(readFileSync(dataPath("tokenizers/parity.json"), "utf8")) as { texts: string[] };
    for (const text of texts) {
      const tokens = twin.encode(text, { addSpecialTokens: true });
      expect(tokenizer.encode(text, { addSpecialTokens: true }), JSON.stringify(text)).toEqual(tokens);
      expect(tokenizer.decode(tokens)).toBe(twin.decode(tokens));
    }
  });

  it("has the same vocabulary, and writes it as a tokenizer.json", () => {
    expect((tokenizer.toJSON() as { model: { vocab: object } }).model.vocab).toEqual(
      (twin.toJSON() as { model: { vocab: object } }).model.vocab,
    );
    const back = tokenizerFromJSON(JSON.stringify(tokenizer.toJSON()));
    expect(back.encode("One day, Tom and Sue")).toEqual(twin.encode("One day, Tom and Sue"));
  });
});
