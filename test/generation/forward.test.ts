/** Scores of the next token: the same for one sequence and for several, with a cache and without. */
import { describe, expect, it } from "vitest";
import { forwardAll, forwardRow, forwardRows } from "../../src/generation/forward.ts";
import { freshLogprobs, tinyModel } from "./models.ts";

const lm = { model: tinyModel(51) };
const far = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => Math.abs(value - b[i])).reduce((most, each) => Math.max(most, each), 0);

describe("forwardRow, forwardRows and forwardAll", () => {
  it("agree with reading the whole text afresh", () => {
    const kvCache = lm.model.newCache();
    forwardRow(lm, [3, 1, 4], kvCache);
    const { logprobs } = forwardRow(lm, [1, 5], kvCache);
    expect(kvCache.length).toBe(5);
    expect(far(logprobs, freshLogprobs(lm.model, [3, 1, 4, 1, 5]))).toBeLessThan(1e-5);
    expect(far(forwardAll(lm, [3, 1, 4, 1, 5])[4].logprobs, logprobs)).toBeLessThan(1e-5);
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
    const first = forwardAll(lm, [1, 2])[1];
    expect(first.logprobs.reduce((total, logprob) => total + Math.exp(logprob), 0)).toBeCloseTo(1, 5);
    first.logits.fill(0);
    first.logprobs.fill(0);
    expect(far(forwardAll(lm, [1, 2])[1].logprobs, freshLogprobs(lm.model, [1, 2]))).toBe(0);
  });

  it("record nothing for backward", () => {
    forwardAll(lm, [1, 2, 3]);
    for (const { grad } of lm.model.parameters().values()) expect(grad).toBeNull();
  });
});
