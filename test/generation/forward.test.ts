/** Scores of the next token: the same for one sequence and for several, with a cache and without. */
import { describe, expect, it } from "vitest";
import { forwardRow, forwardRows, scoreTokens } from "../../src/generation/forward.ts";
import type { ScoredRow } from "../../src/generation/forward.ts";
import { freshLogprobs, tinyModel } from "./models.ts";

const lm = { model: tinyModel(51) };
const far = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => Math.abs(value - b[i])).reduce((most, each) => Math.max(most, each), 0);

describe("forwardRow, forwardRows and scoreTokens", () => {
  it("agree with reading the whole text afresh", () => {
    const kvCache = lm.model.newCache();
    forwardRow(lm, [3, 1, 4], kvCache);
    const { logprobs } = forwardRow(lm, [1, 5], kvCache);
    expect(kvCache.length).toBe(5);
    expect(far(logprobs, freshLogprobs(lm.model, [3, 1, 4, 1, 5]))).toBeLessThan(1e-5);
    expect(scoreTokens(lm, [3, 1, 4, 1, 5, 2])[4]).toBeCloseTo(logprobs[2], 5);
  });

  it("give each of several sequences its own row", () => {
    const rows = forwardRows(
      lm,
      [
        [1, 2],
        [7, 8],
        [1, 2],
      ],
      lm.model.newCache({ batch: 3 }),
    );
    expect(far(rows[0].logprobs, freshLogprobs(lm.model, [1, 2]))).toBeLessThan(1e-5);
    expect(far(rows[1].logprobs, freshLogprobs(lm.model, [7, 8]))).toBeLessThan(1e-5);
    expect(rows[2].logits).toEqual(rows[0].logits);
  });

  it("give log-probabilities that sum to 1, and rows that may be changed", () => {
    const row = (): ScoredRow => forwardRow(lm, [1, 2], lm.model.newCache());
    const first = row();
    expect(first.logprobs.reduce((total, logprob) => total + Math.exp(logprob), 0)).toBeCloseTo(1, 5);
    first.logits.fill(0);
    first.logprobs.fill(0);
    expect(far(row().logprobs, freshLogprobs(lm.model, [1, 2]))).toBeLessThan(1e-5);
  });

  it("record nothing for backward", () => {
    scoreTokens(lm, [1, 2, 3]);
    for (const { grad } of lm.model.parameters().values()) expect(grad).toBeNull();
  });

  it("say that scores which are not numbers come from damaged weights", () => {
    const damaged = { model: tinyModel(52) };
    damaged.model.tokenEmbedding.weight.data[0] = NaN;
    for (const attempt of [
      () => scoreTokens(damaged, [0, 1]),
      () => forwardRow(damaged, [0], damaged.model.newCache()),
    ])
      expect(attempt).toThrow(/^the model's scores are not numbers \(NaN\): its weights are damaged/);
  });
});
