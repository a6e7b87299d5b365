/** Scores into probabilities. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { exp } from "../../src/ops/pointwise.ts";
import { sum } from "../../src/ops/reduce.ts";
import { logSoftmax, softmax } from "../../src/ops/softmax.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { withAxis } from "../random-cases.ts";

describe("softmax", () => {
  it("makes positive numbers that sum to one along any axis", () => {
    fc.assert(
      fc.property(withAxis(), fc.nat(), ({ shape, axis }, seed) => {
        const probs = softmax(randn(shape, new Random(seed)), { axis });
        expect(probs.shape).toEqual(shape);
        expect(probs.data.every((p) => p > 0 && p <= 1)).toBe(true);
        const totals = sum(probs, { axis }).data;
        expect(distance(totals, Array(totals.length).fill(1))).toBeLessThan(1e-6);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("takes the last axis by default", () => {
    expect(
      softmax(
        tensor([
          [0, 0],
          [0, Math.log(3)],
        ]),
      ).toArray(),
    ).toEqual([
      [0.5, 0.5],
      [expect.closeTo(0.25, 6), expect.closeTo(0.75, 6)],
    ]);
  });

  it("does not change when a constant is added, however large", () => {
    const x = randn([3, 5], new Random(1));
    expect(distance(softmax(add(x, 64)).data, softmax(x).data)).toBeLessThan(1e-4);
    expect(softmax(tensor([1e30, 1e30])).toArray()).toEqual([0.5, 0.5]);
    expect(softmax(tensor([-1e30, 0, 1e30])).toArray()).toEqual([0, 0, 1]);
  });

  it("gives exactly 0 to -Infinity", () => {
    expect(softmax(tensor([0, -Infinity, 0])).toArray()).toEqual([0.5, 0, 0.5]);
  });
});

describe("logSoftmax", () => {
  it("is the logarithm of softmax along any axis", () => {
    fc.assert(
      fc.property(withAxis(), fc.nat(), ({ shape, axis }, seed) => {
        const x = randn(shape, new Random(seed));
        expect(distance(exp(logSoftmax(x, { axis })).data, softmax(x, { axis }).data)).toBeLessThan(1e-6);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it("keeps the digits that a softmax of 0 has lost", () => {
    expect(logSoftmax(tensor([0, 200])).toArray()).toEqual([-200, 0]);
  });
});

describe.each([
  ["softmax", softmax],
  ["logSoftmax", logSoftmax],
] as const)("%s", (name, op) => {
  it("has gradients that sum to zero along the axis, since adding a constant to x changes nothing", () => {
    fc.assert(
      fc.property(withAxis(), fc.nat(), ({ shape, axis }, seed) => {
        const random = new Random(seed);
        const x = randn(shape, random, { requiresGrad: true });
        op(x, { axis }).backward(randn(shape, random));
        const totals = sum(x.grad as Tensor, { axis }).data;
        expect(Math.max(...totals.map(Math.abs))).toBeLessThan(2e-6);
      }),
      { seed: 3 },
    );
  });

  it("takes axes of 0", () => {
    for (const [shape, axis] of [
      [[0], 0],
      [[0, 3], -1],
      [[2, 0], 1],
      [[2, 0], 0],
      [[2, 0, 3], -1],
    ] as [number[], number][]) {
      const x = zeros(shape, { requiresGrad: true });
      const out = op(x, { axis });
      out.backward(ones(shape));
      expect(out.shape).toEqual(shape);
      expect(x.grad?.shape).toEqual(shape);
    }
  });

  it("names an axis that is not there and an unknown option", () => {
    expectError(() => op(zeros([2]), { axis: 1 }), ShapeError, `${name}: axis 1 does not exist in a tensor of 1 axes`);
    expectError(() => op(zeros([])), ShapeError, `${name}: axis -1 does not exist in a tensor of 0 axes`);
    expectError(
      () => op(zeros([2]), { dim: 0 } as object),
      ConfigError,
      `${name}: unknown option "dim"; known options: axis`,
    );
  });
});
