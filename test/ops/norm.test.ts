/** LayerNorm and RMSNorm against their formulas in double precision. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { layerNorm, rmsNorm } from "../../src/ops/norm.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { length, shapes } from "../random-cases.ts";

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function byRow(x: Tensor, normalise: (row: number[]) => number[]): number[] {
  const cols = x.shape.at(-1) as number;
  return Array.from({ length: x.size / cols }, (_, row) =>
    normalise([...x.data.subarray(row * cols, (row + 1) * cols)]),
  ).flat();
}

const sizes = fc.tuple(shapes({ maxRank: 3, minLength: 0 }), length(40), fc.constantFrom(1e-6, 1e-5, 0.1), fc.nat());

describe("layerNorm", () => {
  it("equals its formula", () => {
    fc.assert(
      fc.property(sizes, ([lead, cols, eps, seed]) => {
        const random = new Random(seed);
        const [x, weight, bias] = [randn([...lead, cols], random), randn([cols], random), randn([cols], random)];
        const expected = byRow(x, (row) => {
          const mean = average(row);
          const root = Math.sqrt(average(row.map((value) => (value - mean) ** 2)) + eps);
          return row.map((value, i) => ((value - mean) / root) * weight.data[i] + bias.data[i]);
        });
        expect(distance(layerNorm(x, weight, bias, { eps }).data, expected)).toBeLessThan(1e-5);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("keeps its digits when the mean is large", () => {
    const x = tensor([10_000, 10_001, 10_002, 10_003]);
    const spread = Math.sqrt(1.25 + 1e-5);
    expect(
      distance(layerNorm(x, ones([4])).data, [-1.5 / spread, -0.5 / spread, 0.5 / spread, 1.5 / spread]),
    ).toBeLessThan(1e-5);
  });

  it("without a bias adds nothing, and its gradients are the same", () => {
    const random = new Random(2);
    const run = (bias: Tensor | undefined): number[][] => {
      const [x, weight] = [
        randn([3, 5], new Random(3), { requiresGrad: true }),
        randn([5], new Random(4), { requiresGrad: true }),
      ];
      const out = layerNorm(x, weight, bias);
      out.backward(gradOut);
      return [out, x.grad as Tensor, weight.grad as Tensor].map(({ data }) => [...data]);
    };
    const gradOut = randn([3, 5], random);
    expect(run(undefined)).toEqual(run(zeros([5])));
  });

  it("gives a bias the sum of the rows of gradOut, even where it alone wants a gradient", () => {
    const bias = zeros([2], { requiresGrad: true });
    layerNorm(
      tensor([
        [1, 2],
        [3, 5],
      ]),
      ones([2]),
      bias,
    ).backward(
      tensor([
        [1, 2],
        [10, 20],
      ]),
    );
    expect(bias.grad?.toArray()).toEqual([11, 22]);
  });

  it("names what does not fit", () => {
    expectError(
      () => layerNorm(zeros([2, 3]), ones([2])),
      ShapeError,
      "layerNorm: weight must match the last axis of x: x is [2, 3], weight is [2]",
    );
    expectError(
      () => layerNorm(zeros([2, 3]), ones([1, 3])),
      ShapeError,
      "layerNorm: weight must match the last axis of x: x is [2, 3], weight is [1, 3]",
    );
    expectError(
      () => layerNorm(zeros([]), ones([1])),
      ShapeError,
      "layerNorm: weight must match the last axis of x: x is [], weight is [1]",
    );
    expectError(
      () => layerNorm(zeros([2, 3]), ones([3]), ones([2])),
      ShapeError,
      "layerNorm: bias must be [3], got [2]",
    );
  });
});

describe("rmsNorm", () => {
  it("equals its formula", () => {
    fc.assert(
      fc.property(sizes, ([lead, cols, eps, seed]) => {
        const random = new Random(seed);
        const [x, weight] = [randn([...lead, cols], random), randn([cols], random)];
        const expected = byRow(x, (row) => {
          const root = Math.sqrt(average(row.map((value) => value * value)) + eps);
          return row.map((value, i) => (value / root) * weight.data[i]);
        });
        expect(distance(rmsNorm(x, weight, { eps }).data, expected)).toBeLessThan(1e-5);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it("does not change when a row is scaled, but for eps", () => {
    const x = randn([2, 8], new Random(5));
    expect(
      distance(rmsNorm(mul(x, 1000), ones([8]), { eps: 0 }).data, rmsNorm(x, ones([8]), { eps: 0 }).data),
    ).toBeLessThan(1e-6);
  });

  it("names what does not fit", () => {
    expectError(
      () => rmsNorm(zeros([2, 3]), ones([2])),
      ShapeError,
      "rmsNorm: weight must match the last axis of x: x is [2, 3], weight is [2]",
    );
  });
});

describe.each([
  ["layerNorm", layerNorm],
  ["rmsNorm", (x: Tensor, w: Tensor, _: undefined, o: object) => rmsNorm(x, w, o)],
] as const)("%s", (name, op) => {
  it("uses eps 1e-5 by default", () => {
    const x = randn([2, 4], new Random(6));
    expect([...op(x, ones([4]), undefined, {}).data]).toEqual([...op(x, ones([4]), undefined, { eps: 1e-5 }).data]);
    expect([...op(x, ones([4]), undefined, {}).data]).not.toEqual([...op(x, ones([4]), undefined, { eps: 1e-3 }).data]);
  });

  it("has no opinion about a row of zeros but 0", () => {
    const x = zeros([1, 4], { requiresGrad: true });
    const out = op(x, ones([4]), undefined, {});
    out.backward(ones([1, 4]));
    expect(out.toArray()).toEqual([[0, 0, 0, 0]]);
    expect(x.grad?.data.every(Number.isFinite)).toBe(true);
  });

  it("takes no rows", () => {
    const [x, weight] = [zeros([0, 4], { requiresGrad: true }), ones([4], { requiresGrad: true })];
    op(x, weight, undefined, {}).backward(zeros([0, 4]));
    expect(x.grad?.shape).toEqual([0, 4]);
    expect(weight.grad?.toArray()).toEqual(Array(sizeOf([4])).fill(0));
  });

  it("names a bad eps and an unknown option", () => {
    expectError(
      () => op(zeros([2]), ones([2]), undefined, { eps: -1 }),
      ConfigError,
      `${name}: eps must be a number finite and >= 0, got -1`,
    );
    expectError(
      () => op(zeros([2]), ones([2]), undefined, { epsilon: 1 } as object),
      ConfigError,
      `${name}: unknown option "epsilon"; known options: eps`,
    );
  });
});
