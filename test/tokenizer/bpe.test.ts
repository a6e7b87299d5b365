import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { tokenizerFromJSON } from "../../src/tokenizer/tokenizer-json.ts";
import { dataPath, describeWithData } from "../data.ts";

const SAMPLE =
  "It was the best of times, it was the worst of times, it was the age of wisdom 🙂🙂 é é naïve naïve.\n\n  In 1859, in 1859!";
const trained = BPETokenizer.train(SAMPLE, { vocabSize: 280, specialTokens: ["<|endoftext|>"] });
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("it was", " the", " times", "🙂", "é", " ", "\n", "<|endoftext|>", "1859", "漢", "\u0000"), {
      maxLength: 40,
    })
    .map((parts) => parts.join("")),
);

/** What every encoding must satisfy: offsets in order that cover the text without gaps, and the tokens of `encode`. */
function checkOffsets(tokenizer: Tokenizer, text: string): void {
  const { tokens, offsets } = tokenizer.encodeWithOffsets(text);
  expect(tokens).toEqual(tokenizer.encode(text));
  expect(offsets).toHaveLength(tokens.length);
  let covered = 0;
  for (const [i, [start, end]] of offsets.entries()) {
    expect(start).toBeLessThanOrEqual(covered); // no gap, and an overlap only where a character is shared
    expect(end).toBeGreaterThanOrEqual(covered);
    if (start < covered)
      expect(text.slice(start, covered)).toBe(String.fromCodePoint(text.codePointAt(start) as number));
    else if (start < end)
      expect(text.slice(start, end).startsWith(tokenizer.decode([tokens[i]]).replace(/\uFFFD+$/, ""))).toBe(true);
    covered = end;
  }
  expect(covered).toBe(text.length);
}

describe("BPETokenizer", () => {
  it("turns any text into tokens and back", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(trained.decode(trained.encode(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it("counts lone surrogates as U+FFFD", () => {
    expect(trained.encode("a\uD83D b\uDC00")).toEqual(trained.encode("a\uFFFD b\uFFFD"));
    expect(trained.decode(trained.encode("\uD83D"))).toBe("\uFFFD");
  });

  it("gives offsets in UTF-16 units", () => {
    const text = "it was 🙂x";
    const { tokens, offsets } = trained.encodeWithOffsets(text);
    expect(offsets[0][0]).toBe(0);
    expect(offsets.map(([start, end]) => text.slice(start, end)).at(-1)).toBe("x");
    expect(offsets).toHaveLength(tokens.length);
    fc.assert(
      fc.property(anyText, (any) => checkOffsets(trained, any)),
      { numRuns: 500 },
    );
  });

  it("shares the offsets of a character among the tokens of its bytes", () => {
    const { tokens, offsets } = trained.encodeWithOffsets("漢");
    expect(tokens).toHaveLength(3);
    expect(offsets).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  it("streams what decode gives, never a broken character", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stream = trained.decoder();
        const pieces = [...trained.encode(text).map((token) => stream.push(token)), stream.flush()];
        expect(pieces.join("")).toBe(text);
        if (!text.includes("\uFFFD")) for (const piece of pieces) expect(piece).not.toContain("\uFFFD");
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(trained.vocabSize - 1)), (tokens) => {
        const stream = trained.decoder();
        expect(tokens.map((token) => stream.push(token)).join("") + stream.flush()).toBe(trained.decode(tokens));
      }),
    );
  });

  it("gives the same tokens after a trip through JSON", () => {
    const again = tokenizerFromJSON(JSON.stringify(trained));
    expect(again.toJSON()).toEqual(trained.toJSON());
    expect([again.vocabSize, again.bosId, again.eosId]).toEqual([280, 0, 0]);
    fc.assert(
      fc.property(anyText, (text) => {
        expect(again.encode(text, { allowedSpecial: "all" })).toEqual(trained.encode(text, { allowedSpecial: "all" }));
      }),
    );
  });

  it("shows how a word is merged", () => {
    const tokenizer = BPETokenizer.train("low low lower lowest", { vocabSize: 258 });
    expect(tokenizer.mergeSteps("lower")).toEqual([
      ["l", "o", "w", "e", "r"],
      ["lo", "w", "e", "r"],
      ["low", "e", "r"],
    ]);
    expect(tokenizer.mergeSteps(" é")[0]).toEqual(["Ġ", "Ã", "©"]);
    expect(tokenizer.mergeSteps("")).toEqual([[]]);
  });

  it("tells ids, spellings and bytes", () => {
    const id = trained.tokenToId("Ġ") as number;
    expect(trained.idToToken(id)).toBe("Ġ");
    expect(trained.tokenBytes(id)).toEqual(Uint8Array.of(0x20));
    expect(trained.tokenBytes(0)).toEqual(new TextEncoder().encode("<|endoftext|>"));
    expect(trained.tokenToId("nowhere")).toBeUndefined();
    expect(trained.idToToken(-1)).toBeUndefined();
    expect([...trained.specialTokens]).toEqual([["<|endoftext|>", 0]]);
    (trained.toJSON() as { decoder: { type: string } }).decoder.type = "changed";
    expect(trained.toJSON()).toMatchObject({ decoder: { type: "ByteLevel" } });
    trained.tokenBytes(id)[0] = 0;
    expect(trained.tokenBytes(id)[0]).toBe(0x20);
  });

  it("encodes very long words", () => {
    const long = "a".repeat(100_000);
    expect(trained.decode(trained.encode(long))).toBe(long);
    const { offsets } = trained.encodeWithOffsets("ab".repeat(5000));
    expect(offsets.at(-1)?.[1]).toBe(10_000);
  });

  it("keeps its tokens when the word cache overflows", () => {
    const words = Array.from({ length: 40_000 }, (_, i) => ` w${i.toString(36)}`).join("");
    expect(trained.decode(trained.encode(words))).toBe(words);
    expect(trained.encode(words)).toEqual(trained.encode(words));
  });
});

describe("counting and limits", () => {
  it("counts what encode gives, and stops at a limit", () => {
    fc.assert(
      fc.property(anyText, fc.nat(30), fc.boolean(), (text, limit, addSpecialTokens) => {
        const options = { allowedSpecial: "all", addSpecialTokens } as const;
        const count = trained.encode(text, options).length;
        expect(trained.countTokens(text, options)).toBe(count);
        expect(trained.isWithinLimit(text, limit, options)).toBe(count <= limit);
      }),
      { numRuns: 300 },
    );
  });

  it("reads no further than the limit", () => {
    const observed = BPETokenizer.train("abc abc", { vocabSize: 8, initialAlphabet: "observed" });
    expect(observed.isWithinLimit("abc ".repeat(10) + "z", 5)).toBe(false); // z has no token
    expect(() => observed.countTokens("abc z")).toThrow(/no token for "z"/);
    expect(trained.countTokens("it was ".repeat(20_000))).toBe(trained.encode("it was ".repeat(20_000)).length);
  });

  it("refuses bad limits and texts", () => {
    expect(() => trained.isWithinLimit("a", -1)).toThrow(/isWithinLimit: limit must be an integer >= 0/);
    expect(() => trained.countTokens(5 as unknown as string)).toThrow("countTokens: text must be a string, got number");
  });
});

describe("special tokens that are not allowed", () => {
  const end = "<|endoftext|>";

  it("are text by default, and refused where the caller says so", () => {
    expect(trained.encode(`a${end}`, { disallowedSpecial: [] })).toEqual(trained.encode(`a${end}`));
    const message = `encode: the text has the special token "${end}" at position 2, and it is not allowed`;
    expect(() => trained.encode(`it${end}`, { disallowedSpecial: "all" })).toThrow(TokenizerError);
    expect(() => trained.encode(`it${end}`, { disallowedSpecial: [end].values() })).toThrow(message);
    expect(() => trained.countTokens(`it${end}`, { disallowedSpecial: "all" })).toThrow(/^countTokens: /);
    expect(trained.encode("it", { disallowedSpecial: "all" })).toEqual(trained.encode("it"));
  });

  it("but not those that are allowed", () => {
    for (const allowedSpecial of ["all", [end]] as const)
      expect(trained.encode(end, { disallowedSpecial: "all", allowedSpecial })).toEqual([0]);
    expect(trained.encode(end, { allowedSpecial: [end].values() })).toEqual([0]);
  });
});

it("a tokenizer can be made of plain parts", () => {
  const vocab = new Map([..."▁ab", "ab"].map((spelling, id) => [spelling, id]));
  const made = new BPETokenizer({
    vocab,
    merges: [["a", "b"]],
    addedTokens: [],
    normalizer: { type: "Prepend", prepend: "▁" },
    decoder: { type: "Fuse" },
  });
  expect(made.encode("aba")).toEqual([0, 3, 1]);
  expect(tokenizerFromJSON(made.toJSON()).encode("aba")).toEqual([0, 3, 1]);
  expect(() => new BPETokenizer({ vocab, merges: [], addedTokens: [], decoder: { type: "Foreign" } })).toThrow(
    TokenizerError,
  );
});

describe("errors of a tokenizer", () => {
  it("name a token that does not exist, its index, and the vocabSize", () => {
    for (const bad of [-1, 280, "5" as unknown as number, 1.5, Number.NaN]) {
      expect(() => trained.decode([5, bad])).toThrow(TokenizerError);
      expect(() => trained.decode([5, bad])).toThrow(`decode: no token has the id ${bad} at index 1; vocabSize is 280`);
    }
    expect(() => trained.tokenBytes(280)).toThrow("tokenBytes: no token has the id 280; vocabSize is 280");
    const stream = trained.decoder();
    stream.push(5);
    expect(() => stream.push(999)).toThrow("decoder: no token has the id 999 at index 1");
  });

  it("name wrong arguments and options", () => {
    expect(() => trained.encode(5 as unknown as string)).toThrow("encode: text must be a string, got number");
    expect(() => trained.encode(null as unknown as string)).toThrow("encode: text must be a string, got null");
    expect(() => trained.encodeWithOffsets(undefined as unknown as string)).toThrow(
      "encodeWithOffsets: text must be a string, got undefined",
    );
    expect(() => trained.decode(7 as unknown as number[])).toThrow("decode: tokens must be a list of ids, got number");
    expect(() => trained.decode("7" as unknown as number[])).toThrow(
      "decode: tokens must be a list of ids, got string",
    );
    expect(() => trained.encode("a", { allowSpecial: "all" } as object)).toThrow(/unknown option "allowSpecial"/);
    expect(() => trained.decode([], { skip: true } as object)).toThrow(/unknown option "skip"/);
    expect(() => trained.decoder({ skip: true } as object)).toThrow(/unknown option "skip"/);
  });

  it("name a byte that the vocabulary lacks", () => {
    const small = BPETokenizer.train("abc abc", { vocabSize: 10, initialAlphabet: "observed" });
    expect(() => small.encode("abc z")).toThrow(/no token for "z" \(U\+007A\) at position 4 of the text/);
  });
});

describeWithData("BPETokenizer on tinyshakespeare", () => {
  it("encodes the text it was trained on and back", () => {
    const text = readFileSync(dataPath("corpora/tinyshakespeare.txt"), "utf8");
    const tokenizer = BPETokenizer.train(text, { vocabSize: 1024 });
    const tokens = tokenizer.encode(text);
    expect(tokenizer.decode(tokens)).toBe(text);
    expect(text.length / tokens.length).toBeGreaterThan(2.4);
  });
});
