/** Scores and lists of merges say the same where they can; the GGUF and llama2.c tests run whole vocabularies. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scoresOfMerges, sentencePieceStages, sentencePieceTokenizer } from "../../src/tokenizer/sentence-piece.ts";

const idsOf = (...tokens: string[]): Map<string, number> => new Map(tokens.map((token, id) => [token, id]));
const NONE: ReadonlySet<number> = new Set();

/** A tokenizer of a few letters with these scores. */
function tokenizer(vocab: ReadonlyMap<string, number>, scores: ArrayLike<number>) {
  const parts = { vocab, scores, addedTokens: [], unkToken: undefined, addSpacePrefix: false, roles: {} };
  return sentencePieceTokenizer(parts, "test");
}

describe("scoresOfMerges", () => {
  it("gives scores that join as the scores did from which the merges come", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 2, maxLength: 4 });
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
    fc.assert(
      fc.property(
        fc.uniqueArray(letters, { maxLength: 8 }),
        fc.infiniteStream(fc.float({ noNaN: true })),
        text,
        (pieces, stream, input) => {
          const vocab = idsOf("a", "b", "c", ...pieces);
          const scores = Float32Array.from(vocab, () => stream.next().value as number);
          if (new Set(scores).size < scores.length) return;
          const original = tokenizer(vocab, scores);
          const again = scoresOfMerges(vocab, original.merges, NONE);
          expect(again).toBeDefined();
          expect(tokenizer(vocab, again as Float32Array).encode(input)).toEqual(original.encode(input));
        },
      ),
    );
  });

  it("finds none for merges that leave a split out, or stand apart", () => {
    const vocab = idsOf("a", "b", "c", "ab", "bc", "abc");
    const all = [["a", "b"], ["b", "c"], ["ab", "c"], ["a", "bc"]] as const; // prettier-ignore
    expect([...(scoresOfMerges(vocab, all, NONE) ?? [])]).toEqual([0, 0, 0, -1, -2, -3]);
    expect(scoresOfMerges(vocab, all.slice(0, 3), NONE)).toBeUndefined();
    expect([...(scoresOfMerges(vocab, all.slice(0, 2), new Set([5])) ?? [])]).toEqual([0, 0, 0, -1, -2, 0]);
    expect(scoresOfMerges(vocab, [all[2], all[0], all[1], all[3]], NONE)).toBeUndefined();
  });
});

describe("sentencePieceStages", () => {
  it("puts a space in front, and takes it off again, where one is wanted", () => {
    expect(JSON.stringify(sentencePieceStages(true))).toMatch(/Prepend.*Strip/);
    expect(JSON.stringify(sentencePieceStages(false))).not.toMatch(/Prepend|Strip/);
  });
});
