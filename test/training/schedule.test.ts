/** The learning rate rises in a line and falls along a cosine. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { learningRateAt } from "../../src/training/schedule.ts";

describe("learningRateAt", () => {
  const schedule = { learningRate: 0.4, minLearningRate: 0.1, warmupSteps: 3, maxSteps: 13 };

  it("rises in equal steps from above 0, is greatest after the warm-up, and ends at the minimum", () => {
    const rates = [0, 1, 2, 3, 8, 13, 14, 1000].map((step) => learningRateAt(step, schedule));
    [0.1, 0.2, 0.3, 0.4, 0.25, 0.1, 0.1, 0.1].forEach((expected, i) => expect(rates[i]).toBeCloseTo(expected, 12));
  });

  it("comes close to the minimum in the last step, and reaches it in none", () => {
    const last = learningRateAt(12, schedule);
    expect(last).toBeGreaterThan(0.1);
    expect(last).toBeLessThan(0.11);
  });

  it("is half a cosine after the warm-up", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(2000),
        (maxSteps, warmupShare, minShare, at) => {
          const warmupSteps = Math.floor(warmupShare * maxSteps);
          const step = warmupSteps + (at % Math.max(1, maxSteps - warmupSteps));
          const minLearningRate = 0.01 * minShare;
          const expected =
            minLearningRate +
            (0.01 - minLearningRate) *
              0.5 *
              (1 + Math.cos((Math.PI * (step - warmupSteps)) / Math.max(1, maxSteps - warmupSteps)));
          const rate = learningRateAt(step, { learningRate: 0.01, minLearningRate, warmupSteps, maxSteps });
          expect(Math.abs(rate - (step >= maxSteps ? minLearningRate : expected))).toBeLessThan(1e-9);
        },
      ),
    );
  });

  it("is constant where the minimum is the maximum and there is no warm-up", () => {
    for (const step of [0, 1, 5, 9])
      expect(learningRateAt(step, { learningRate: 1e-3, minLearningRate: 1e-3, warmupSteps: 0, maxSteps: 10 })).toBe(
        1e-3,
      );
  });
});
