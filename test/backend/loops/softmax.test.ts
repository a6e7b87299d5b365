import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logSoftmax, logSoftmaxBackward, softmax, softmaxBackward } from "../../../src/backend/loops/softmax.ts";
import { distance, randomFloats } from "./random-data.ts";

/** Softmax of one row. */
function probs(row: number[]): number[] {
  const out = new Float32Array(row.length);
  softmax(out, new Float32Array(row), 1, row.length, 0, 1);
  return [...out];
}

/** Log-softmax of one row. */
function logProbs(row: number[]): number[] {
  const out = new Float32Array(row.length);
  logSoftmax(out, new Float32Array(row), 1, row.length, 0, 1);
  return [...out];
}

describe("softmax", () => {
  it("sums to 1 and keeps the order, for any finite row", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }),
        (row) => {
          const p = probs(row);
          expect(p.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
          row.forEach((x, i) => row.forEach((y, j) => expect(!(x > y) || p[i] >= p[j]).toBe(true)));
        },
      ),
    );
  });

  it("stands huge and infinitely small values", () => {
    expect(probs([3e38, 3e38, -3e38])).toEqual([0.5, 0.5, 0]);
    expect(probs([-3e38, -3e38])).toEqual([0.5, 0.5]);
    expect(probs([1, -Infinity])).toEqual([1, 0]);
    expect(logProbs([1, -Infinity])).toEqual([0, -Infinity]);
    expect(logProbs([1e30, 1e30 - 1])[0]).toBeCloseTo(Math.log(0.5), 6);
  });

  it("gives no probability to anything where everything is -Infinity", () => {
    expect(probs([-Infinity, -Infinity])).toEqual([0, 0]);
    expect(logProbs([-Infinity, -Infinity])).toEqual([-Infinity, -Infinity]);
  });

  it("passes NaN on", () => {
    expect(probs([1, NaN])).toEqual([NaN, NaN]);
    expect(probs([-Infinity, NaN])[1]).toBeNaN();
    expect(logProbs([1, NaN])).toEqual([NaN, NaN]);
  });

  it("has logs that match", () => {
    const x = randomFloats(60, 1);
    const p = new Float32Array(60);
    const logP = new Float32Array(60);
    softmax(p, x, 4, 15, 0, 4);
    logSoftmax(logP, x, 4, 15, 0, 4);
    expect(distance(logP, p.map(Math.log))).toBeLessThan(1e-6);
  });

  it.each([
    ["softmax", softmax, softmaxBackward],
    ["logSoftmax", logSoftmax, logSoftmaxBackward],
  ] as const)("%s has the gradient of its finite differences", (_name, forward, backward) => {
    const x = randomFloats(20, 1);
    const gradOut = randomFloats(20, 2);
    const y = new Float32Array(20);
    const loss = (): number => {
      forward(y, x, 4, 5, 0, 4);
      return y.reduce((sum, value, i) => sum + value * gradOut[i], 0);
    };
    loss();
    const gradX = new Float32Array(20);
    backward(gradX, gradOut, y.slice(), 4, 5, 0, 4);
    const numeric = x.map((value, i) => {
      x[i] = value + 0.01;
      const up = loss();
      x[i] = value - 0.01;
      const down = loss();
      x[i] = value;
      return (up - down) / 0.02;
    });
    expect(distance(gradX, numeric)).toBeLessThan(1e-3);
  });
});
