import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { BPEModel, type BPEModelParts } from "../../src/tokenizer/bpe-model.ts";
import { type Textbook, encodeTextbook, mergeSteps, spellBytes } from "../../src/tokenizer/textbook.ts";
import { TokenList } from "../../src/tokenizer/token-list.ts";

/** A vocabulary of the letters and of random pairs of what is there already, in random order of merging. */
const anyVocabulary = fc
  .array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 })
  .chain((pairs) => fc.tuple(fc.constant(pairs), fc.shuffledSubarray([...pairs.keys()], { minLength: pairs.length })))
  .map(([pairs, order]) => {
    const spellings = [..."abcé▁"];
    const merges = pairs.map(([a, b]): [string, string] => {
      const merge: [string, string] = [spellings[a % spellings.length], spellings[b % spellings.length]];
      spellings.push(merge.join(""));
      return merge;
    });
    const vocab = new Map([...new Set(spellings)].map((spelling, id) => [spelling, id]));
    const shuffled = order.map((i) => merges[i]);
    const known = new Set<string>();
    const once = shuffled.filter((merge) => !known.has(merge.join("\n")) && known.add(merge.join("\n")));
    return { vocab, merges: once.filter(([left, right]) => (left + right).length < 40) };
  });
/** Pieces on both sides of 32 and 1,024 symbols, where the tree of minima gains a level. */
const anyPiece = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: fc.constantFrom(..."aaabbcé▁"), maxLength: 80 }) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(..."ab▁"), minLength: 900, maxLength: 1300 }) },
);

function encodeFast(parts: BPEModelParts, byteLevel: boolean, piece: string): number[] {
  const tokens = new TokenList();
  new BPEModel(parts, byteLevel).encode(`x${piece}x`, 1, 1 + piece.length, 0, tokens);
  return tokens.take();
}

describe("the fast encoder gives the tokens of the textbook", () => {
  const whole = (text: string): string[] => [text];
  const characters = (piece: string): string[] => [...piece];

  it("for listed merges", () => {
    fc.assert(
      fc.property(anyVocabulary, anyPiece, fc.boolean(), (parts, piece, ignoreMerges) => {
        const textbook: Textbook = { ...parts, split: whole, symbols: characters, ignoreMerges };
        if (piece !== "")
          expect(encodeFast({ ...parts, ignoreMerges }, false, piece)).toEqual(encodeTextbook(piece, textbook));
      }),
      { numRuns: 600 },
    );
  });

  it("for implied merges", () => {
    fc.assert(
      fc.property(anyVocabulary, anyPiece, ({ vocab }, piece) => {
        const textbook: Textbook = { vocab, split: whole, symbols: characters };
        if (piece !== "") expect(encodeFast({ vocab }, false, piece)).toEqual(encodeTextbook(piece, textbook));
      }),
      { numRuns: 600 },
    );
  });

  it("for ranks that are given, the leftmost of equal ones first", () => {
    fc.assert(
      fc.property(
        anyVocabulary,
        anyPiece,
        fc.array(fc.nat(3), { minLength: 50, maxLength: 50 }),
        ({ vocab }, piece, ranks) => {
          if (piece === "") return;
          const rank = (left: string, right: string): number | undefined => {
            const id = vocab.get(left + right);
            return id === undefined ? undefined : ranks[id];
          };
          const merged = [...mergeSteps([...piece], rank)].at(-1) as string[];
          expect(encodeFast({ vocab, ranks }, false, piece)).toEqual(merged.map((symbol) => vocab.get(symbol)));
        },
      ),
      { numRuns: 600 },
    );
  });

  it("on bytes, word by word", () => {
    const text = "It was the best of times, it was the worst of times 🙂🙂 é naïve.\n\n  In 1859!";
    const tokenizer = BPETokenizer.train(text, { vocabSize: 300, minFrequency: 1 });
    const words = fc.array(fc.oneof(fc.constantFrom(...text.split(/(?= )/)), fc.string({ unit: "binary" })));
    fc.assert(
      fc.property(words, (parts) => {
        const mixed = parts.join("");
        expect(tokenizer.encode(mixed)).toEqual(encodeTextbook(mixed, tokenizer));
      }),
    );
  });

  it("and where a text may be cut, the parts have the tokens of the whole", () => {
    const anyText = fc.string({ unit: fc.constantFrom(..."aaabbc▁▁", "🙂"), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(anyVocabulary, anyText, fc.boolean(), ({ vocab, merges }, text, implied) => {
        const parts = {
          vocab: new Map([...vocab, ["?", vocab.size]]),
          merges: implied ? undefined : merges,
          unkToken: "?",
        };
        const cut = new BPEModel(parts, false).wordEnd();
        const tokens: number[] = [];
        for (let start = 0, end = 0; start < text.length; start = end) {
          end = cut?.(text, start, text.length) ?? text.length;
          tokens.push(...encodeFast(parts, false, text.slice(start, end)));
        }
        expect(tokens).toEqual(encodeFast(parts, false, text));
        expect(new BPEModel({ ...parts, fuseUnk: true }, false).wordEnd()).toBeUndefined();
      }),
      { numRuns: 600 },
    );
  });

  it("and what implied merges are written as gives them too", () => {
    fc.assert(
      fc.property(anyVocabulary, anyPiece, ({ vocab }, piece) => {
        if (piece === "") return;
        const merges = new BPEModel({ vocab }, false).merges();
        expect(encodeFast({ vocab, merges }, false, piece)).toEqual(encodeFast({ vocab }, false, piece));
      }),
      { numRuns: 600 },
    );
  });
});

describe("mergeSteps", () => {
  it("joins the lowest rank first, and the leftmost of equals", () => {
    const ranks = new Map([
      ["ab", 1],
      ["bc", 0],
      ["aa", 2],
    ]);
    const steps = (text: string): string[] =>
      [...mergeSteps([...text], (left, right) => ranks.get(left + right))].map((step) => step.join(" "));
    expect(steps("abc")).toEqual(["a b c", "a bc"]);
    expect(steps("aaa")).toEqual(["a a a", "aa a"]);
    expect(steps("")).toEqual([""]);
  });
});

describe("encodeTextbook", () => {
  it("prints every merge", () => {
    const tokenizer = BPETokenizer.train("low low lower lowest", { vocabSize: 258 });
    const lines: string[] = [];
    const tokens = encodeTextbook("lower é", tokenizer, (line) => lines.push(line));
    expect(lines).toEqual(["l o w e r", "lo w e r", "low e r", "Ġ Ã ©"]);
    expect(tokens).toEqual(tokenizer.encode("lower é"));
  });

  it("marks what the vocabulary lacks, and takes whole words where merges are ignored", () => {
    const vocab = new Map([
      ["a", 0],
      ["ab", 1],
    ]);
    const symbols = (piece: string): string[] => [...piece];
    expect(encodeTextbook("az", { vocab, symbols })).toEqual([0, -1]);
    expect(encodeTextbook("ab", { vocab, merges: [], symbols })).toEqual([0, -1]);
    expect(encodeTextbook("ab", { vocab, merges: [], symbols, ignoreMerges: true })).toEqual([1]);
  });

  it("spells bytes", () => {
    expect(spellBytes(" é")).toEqual(["Ġ", "Ã", "©"]);
  });
});
