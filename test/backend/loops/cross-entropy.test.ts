import { describe, expect, it } from "vitest";
import { crossEntropy, crossEntropyBackward } from "../../../src/backend/loops/cross-entropy.ts";
import { distance, randomFloats } from "./random-data.ts";

const rows = 5;
const cols = 7;
const targets = new Int32Array([3, 0, -100, 6, 3]);
const logits = randomFloats(rows * cols, 1).map((x) => 3 * x);

/** Losses by the definition: -Σ target distribution · log softmax, in double precision. */
function definition(x: Float32Array, smoothing: number): number[] {
  return [...targets].map((target, row) => {
    if (target === -100) return 0;
    const line = [...x.subarray(row * cols, (row + 1) * cols)];
    const lse = Math.log(line.reduce((sum, value) => sum + Math.exp(value), 0));
    return line.reduce(
      (sum, value, c) => sum - ((c === target ? 1 - smoothing : 0) + smoothing / cols) * (value - lse),
      0,
    );
  });
}

describe.each([0, 0.1, 1])("crossEntropy with label smoothing %d", (smoothing) => {
  const losses = new Float32Array(rows);
  const logSumExp = new Float32Array(rows);
  crossEntropy(losses, logSumExp, logits, targets, rows, cols, -100, smoothing, 0, rows);

  it("is the cross-entropy with the smoothed distribution, 0 where ignored", () => {
    expect(distance(losses, definition(logits, smoothing))).toBeLessThan(1e-6);
    expect(losses[2]).toBe(0);
  });

  it("has the gradient of its finite differences, times the factor", () => {
    const grad = new Float32Array(rows * cols);
    crossEntropyBackward(grad, logSumExp, logits, targets, rows, cols, -100, smoothing, 0.25, 0, rows);
    const numeric = [...logits].map((_, i) => {
      const total = (step: number): number =>
        definition(
          Float32Array.from(logits, (x, j) => (i === j ? x + step : x)),
          smoothing,
        ).reduce((sum, loss) => sum + loss, 0);
      return (0.25 * (total(1e-3) - total(-1e-3))) / 2e-3;
    });
    expect(distance(grad, numeric)).toBeLessThan(1e-3);
    expect([...grad.subarray(2 * cols, 3 * cols)]).toEqual(new Array(cols).fill(0));
  });
});

describe("crossEntropy", () => {
  it("knows the loss of no knowledge, and stands logits of -Infinity", () => {
    const losses = new Float32Array(2);
    crossEntropy(
      losses,
      new Float32Array(2),
      new Float32Array([0, 0, 0, 0, 5, -Infinity, -Infinity, -Infinity]),
      new Int32Array([2, 0]),
      2,
      4,
      -100,
      0,
      0,
      2,
    );
    expect(losses[0]).toBeCloseTo(Math.log(4), 6);
    expect(losses[1]).toBe(0);
  });
});
