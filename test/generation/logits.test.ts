/** Each function on a row of scores is its published definition, on rows made by hand and on random ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addBias,
  applyTemperature,
  argmax,
  forbid,
  forbidRepeatedNgrams,
  keepTopK,
  keepTopP,
  likeliest,
  penalizeRepetition,
  processScores,
  toProbabilities,
} from "../../src/generation/logits.ts";
import { resolveOptions } from "../../src/generation/options.ts";
import { tinyLanguageModel } from "./models.ts";

const NEVER = -Infinity;

/** A score: any number, one of a few so that equals occur, or forbidden. */
const score = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: -20, max: 20, noNaN: true }) },
  { weight: 3, arbitrary: fc.constantFrom(-1, 0, 1, 2) },
  { weight: 1, arbitrary: fc.constant(NEVER) },
);
const anyRow = (maxLength = 40): fc.Arbitrary<Float32Array> =>
  fc.array(score, { minLength: 1, maxLength }).map((scores) => Float32Array.from(scores));
/** A row in which at least one token is allowed. */
const row = anyRow().filter((scores) => scores.some((value) => value > NEVER));

/** Tokens in the order of their scores, equals in the order of their ids. */
const sorted = (scores: Float32Array): number[] =>
  Array.from(scores, (_, token) => token).sort((a, b) =>
    scores[a] === scores[b] ? a - b : scores[a] < scores[b] ? 1 : -1,
  );
const changed = (scores: Float32Array, change: (copy: Float32Array) => void): Float32Array => {
  const copy = scores.slice();
  change(copy);
  return copy;
};
const keptTokens = (scores: Float32Array): number[] => sorted(scores).filter((token) => scores[token] > NEVER);

describe("penalizeRepetition", () => {
  it("divides positive scores and multiplies negative ones, once for each distinct token", () => {
    const scores = Float32Array.of(4, -4, 0, 8, -8);
    penalizeRepetition(scores, [0, 1, 2, 0, 0, 1], 2);
    expect([...scores]).toEqual([2, -8, 0, 8, -8]);
  });

  it("never raises a score with a penalty above 1, never lowers one with a penalty below 1, and leaves other tokens alone", () => {
    fc.assert(
      fc.property(
        row,
        fc.array(fc.nat(39)),
        fc.double({ min: 0.25, max: 4, noNaN: true }),
        (scores, numbers, penalty) => {
          const tokens = numbers.filter((token) => token < scores.length);
          const after = changed(scores, (copy) => penalizeRepetition(copy, tokens, penalty));
          scores.forEach((before, token) => {
            if (!tokens.includes(token)) expect(after[token]).toBe(before);
            else expect(after[token]).toBe(Math.fround(before < 0 ? before * penalty : before / penalty));
            if (penalty > 1) expect(after[token]).toBeLessThanOrEqual(before);
            else expect(after[token]).toBeGreaterThanOrEqual(before);
          });
        },
      ),
    );
  });
});

describe("forbidRepeatedNgrams", () => {
  it("forbids what would complete a run that has occurred", () => {
    const scores = new Float32Array(5);
    forbidRepeatedNgrams(scores, [1, 2, 3, 1, 2, 4, 1, 2], 3);
    expect([...scores]).toEqual([0, 0, 0, NEVER, NEVER]);
  });

  it("forbids, with runs of one token, every token that has occurred", () => {
    const scores = new Float32Array(4);
    forbidRepeatedNgrams(scores, [2, 0, 2], 1);
    expect([...scores]).toEqual([NEVER, 0, NEVER, 0]);
  });

  it("agrees with looking for every run in the list of all runs", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (tokens, size) => {
        const runs = new Set(tokens.slice(size - 1).map((_, start) => tokens.slice(start, start + size).join()));
        const scores = new Float32Array(4);
        forbidRepeatedNgrams(scores, tokens, size);
        const completed = (token: number): string => [...tokens, token].slice(-size).join();
        expect([...scores]).toEqual(
          [0, 1, 2, 3].map((token) => (tokens.length >= size - 1 && runs.has(completed(token)) ? NEVER : 0)),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("addBias and forbid", () => {
  it("add to the tokens that are named, and set those that are forbidden to -Infinity", () => {
    const scores = Float32Array.of(1, 2, 3, 4);
    addBias(scores, { 1: 0.5, 3: NEVER });
    expect([...scores]).toEqual([1, 2.5, 3, NEVER]);
    forbid(scores, [0, 3]);
    expect([...scores]).toEqual([NEVER, 2.5, 3, NEVER]);
  });
});

describe("processScores", () => {
  const lm = tinyLanguageModel(1);
  const given = {
    repetitionPenalty: 2,
    noRepeatNgram: 2,
    logitBias: { 0: 1, 2: 5, 3: 9 },
    eosIds: [3],
    minNewTokens: 2,
  };

  it("applies penalty, n-gram limit, bias and the minimum of tokens in this order", () => {
    const scores = Float32Array.of(2, -1, 0.5, 1, 0);
    processScores(scores, [1, 2, 0, 1], 1, resolveOptions(lm, given));
    // 0: halved, then biased; 1: doubled below 0; 2: would repeat the run "1 2", which no bias undoes; 3: ends the text too early.
    expect([...scores]).toEqual([2, -2, NEVER, NEVER, 0]);
  });

  it("allows the end once enough tokens are written", () => {
    const scores = Float32Array.of(2, -1, 0.5, 1, 0);
    processScores(scores, [1, 2, 0, 1], 2, resolveOptions(lm, given));
    expect(scores[3]).toBe(10);
  });

  it("changes nothing with the defaults", () => {
    fc.assert(
      fc.property(row, (scores) => {
        expect(changed(scores, (copy) => processScores(copy, [0, 0, 0], 0, resolveOptions(lm, {})))).toEqual(scores);
      }),
    );
  });
});

describe("applyTemperature", () => {
  it("divides every score", () => {
    expect([...changed(Float32Array.of(1, -2, NEVER), (copy) => applyTemperature(copy, 0.5))]).toEqual([2, -4, NEVER]);
  });
});

describe("keepTopK", () => {
  it("keeps the greatest scores and whatever equals the least of them", () => {
    expect([...changed(Float32Array.of(1, 3, 2, 2, 0), (copy) => keepTopK(copy, 2))]).toEqual([NEVER, 3, 2, 2, NEVER]);
    expect([...changed(Float32Array.of(1, 3), (copy) => keepTopK(copy, 9))]).toEqual([1, 3]);
  });

  it("keeps exactly the tokens with fewer than k greater ones, unchanged, and does nothing the second time", () => {
    fc.assert(
      fc.property(anyRow(), fc.integer({ min: 1, max: 45 }), (scores, k) => {
        const once = changed(scores, (copy) => keepTopK(copy, k));
        const expected = scores.map((value) => (scores.filter((other) => other > value).length < k ? value : NEVER));
        expect(once).toEqual(expected);
        expect(changed(once, (copy) => keepTopK(copy, k))).toEqual(once);
      }),
    );
  });
});

describe("keepTopP", () => {
  it("keeps the fewest likeliest tokens that reach the probability", () => {
    const scores = Float32Array.from([0.1, 0.5, 0.15, 0.25], Math.log);
    const kept = (p: number): number[] => keptTokens(changed(scores, (copy) => keepTopP(copy, p)));
    expect([0.01, 0.49, 0.51, 0.74, 0.76, 0.89, 0.91, 1].map(kept)).toEqual([
      [1],
      [1],
      [1, 3],
      [1, 3],
      [1, 3, 2],
      [1, 3, 2],
      [1, 3, 2, 0],
      [1, 3, 2, 0],
    ]);
  });

  it("takes equals in the order of their ids", () => {
    expect(keptTokens(changed(new Float32Array(8), (copy) => keepTopP(copy, 0.3)))).toEqual([0, 1, 2]);
  });

  it("keeps a beginning of the order by score that reaches p and would not without its last token", () => {
    fc.assert(
      fc.property(row, fc.double({ min: 1e-6, max: 0.999_999, noNaN: true }), (scores, p) => {
        const greatest = Math.max(...scores);
        const weights = Array.from(scores, (value) => Math.exp(value - greatest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const after = changed(scores, (copy) => keepTopP(copy, p));
        const kept = keptTokens(after);
        expect(kept).toEqual(sorted(scores).slice(0, kept.length));
        for (const token of kept) expect(after[token]).toBe(scores[token]);
        const reached = kept.map((token) => weights[token] / total);
        const sum = reached.reduce((before, prob) => before + prob, 0);
        expect(kept.length).toBeGreaterThan(0);
        if (kept.length < keptTokens(scores).length) expect(sum).toBeGreaterThanOrEqual(p - 1e-9);
        expect(sum - reached[reached.length - 1]).toBeLessThan(p + 1e-9);
      }),
    );
  });
});

describe("toProbabilities", () => {
  it("is the softmax, and sums to 1 whatever was kept", () => {
    fc.assert(
      fc.property(
        row,
        fc.integer({ min: 1, max: 10 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (scores, k, p) => {
          const cut = changed(scores, (copy) => {
            keepTopK(copy, k);
            keepTopP(copy, p);
          });
          for (const each of [scores, cut]) {
            const greatest = Math.max(...each);
            const weights = Array.from(each, (value) => Math.exp(value - greatest));
            const total = weights.reduce((sum, weight) => sum + weight, 0);
            const probs = toProbabilities(each);
            probs.forEach((prob, token) => {
              expect(Math.abs(prob - weights[token] / total)).toBeLessThan(1e-6);
              expect(prob === 0).toBe(each[token] === NEVER || weights[token] === 0);
            });
            expect(Math.abs(probs.reduce((sum, prob) => sum + prob, 0) - 1)).toBeLessThan(1e-12);
          }
        },
      ),
    );
  });

  it("is 0 everywhere where everything is forbidden", () => {
    expect([...toProbabilities(Float32Array.of(NEVER, NEVER))]).toEqual([0, 0]);
  });
});

describe("likeliest and argmax", () => {
  it("agree with sorting everything, for a few of many and for many", () => {
    fc.assert(
      fc.property(anyRow(200), fc.integer({ min: 1, max: 30 }), (scores, count) => {
        expect(likeliest(scores, count)).toEqual(sorted(scores).slice(0, count));
        expect(likeliest(scores, scores.length)).toEqual(sorted(scores));
        expect(argmax(scores)).toBe(sorted(scores)[0]);
      }),
      { numRuns: 200 },
    );
  });
});
