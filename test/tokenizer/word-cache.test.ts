import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenList } from "../../src/tokenizer/token-list.ts";
import { WordCache } from "../../src/tokenizer/word-cache.ts";

function recall(cache: WordCache, word: string): number[] | undefined {
  const tokens = new TokenList();
  return cache.recall(`<${word}>`, 1, 1 + word.length, tokens) ? tokens.take() : undefined;
}

function learn(cache: WordCache, word: string, ids: readonly number[]): void {
  recall(cache, word);
  const tokens = new TokenList();
  for (const id of [7, ...ids]) tokens.push(id);
  cache.remember(`<${word}>`, 1, 1 + word.length, tokens, 1);
}

describe("WordCache", () => {
  it("knows a word by all of its characters", () => {
    const cache = new WordCache();
    const words = [
      "a",
      "\0a",
      "a\0",
      "é",
      "\x9f",
      "▁",
      "▁the",
      "\x9fthe",
      "ā",
      "abcdefghijkl",
      "abcdefghijklm",
      "漢字",
      "x".repeat(40),
    ];
    for (const [i, word] of words.entries()) {
      expect(recall(cache, word)).toBeUndefined();
      learn(cache, word, [i, i + 1]);
      expect(recall(cache, word)).toEqual([i, i + 1]);
    }
    for (const [i, word] of words.entries()) expect(recall(cache, word)).toEqual([i, i + 1]);
    expect(recall(cache, "abcdefghijkm")).toBeUndefined();
    expect(recall(cache, "y".repeat(40))).toBeUndefined();
  });

  it("never gives the tokens of another word, however many there are", () => {
    const cache = new WordCache();
    const learnt = new Map<string, string>();
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(1e6), { minLength: 1, maxLength: 20 }),
        (word, ids) => {
          if (recall(cache, word) === undefined) {
            learn(cache, word, ids);
            learnt.set(word, ids.join());
          }
          expect([undefined, learnt.get(word)]).toContain(recall(cache, word)?.join());
        },
      ),
      { numRuns: 300 },
    );
    let known = 0;
    for (let i = 0; i < 100_000; i++) learn(cache, ` w${i.toString(36)}`, [i]);
    for (let i = 0; i < 100_000; i++) {
      const found = recall(cache, ` w${i.toString(36)}`);
      if (found === undefined) continue;
      known++;
      if (found.length !== 1 || found[0] !== i) expect(found).toEqual([i]);
    }
    expect(known).toBeGreaterThan(20_000);
  });
});
