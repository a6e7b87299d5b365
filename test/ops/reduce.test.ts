/** Sums, means and maxima against naive loops. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { max, mean, sum } from "../../src/ops/reduce.ts";
import type { ReduceOptions } from "../../src/ops/reduce.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import type { NestedArray, Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { withAxis } from "../random-cases.ts";

const total = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const reductions: [string, (x: Tensor, options?: ReduceOptions) => Tensor, (values: number[]) => number][] = [
  ["sum", sum, total],
  ["mean", mean, (values) => total(values) / values.length],
  ["max", max, (values) => Math.max(...values)],
];

/** Reduces nested lists along an axis, one list at a time. */
function reduceNested(value: NestedArray[], axis: number, reduce: (values: number[]) => number): NestedArray {
  if (axis > 0) return value.map((inner) => reduceNested(inner as NestedArray[], axis - 1, reduce));
  const merge = (items: NestedArray[]): NestedArray =>
    Array.isArray(items[0])
      ? items[0].map((_, i) => merge(items.map((item) => (item as NestedArray[])[i])))
      : reduce(items as number[]);
  return merge(value);
}

const flat = (value: NestedArray): number[] => (Array.isArray(value) ? value.flatMap(flat) : [value]);

describe.each(reductions)("%s", (name, op, reduce) => {
  it("over any axis equals a loop over nested lists", () => {
    fc.assert(
      fc.property(withAxis(), fc.boolean(), fc.nat(), ({ shape, axis }, keepDims, seed) => {
        const x = randn(shape, new Random(seed));
        const from = axis < 0 ? axis + shape.length : axis;
        const expected = reduceNested(x.toArray() as NestedArray[], from, reduce);
        const out = op(x, { axis, keepDims });
        expect(out.shape).toEqual(keepDims ? shape.with(from, 1) : shape.toSpliced(from, 1));
        expect(distance(out.data, flat(expected))).toBeLessThan(1e-6);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("without an axis takes everything", () => {
    const x = randn([2, 3, 4], new Random(1));
    expect(op(x).shape).toEqual([]);
    expect(op(x, { keepDims: true }).shape).toEqual([1, 1, 1]);
    expect(op(x).item()).toBeCloseTo(reduce([...x.data]), 5);
    expect(op(tensor(3)).item()).toBe(3);
  });

  it("names an axis that is not there and an unknown option", () => {
    expectError(
      () => op(zeros([2, 3]), { axis: 2 }),
      ShapeError,
      `${name}: axis 2 does not exist in a tensor of 2 axes`,
    );
    expectError(
      () => op(zeros([2, 3]), { axis: -3 }),
      ShapeError,
      `${name}: axis -3 does not exist in a tensor of 2 axes`,
    );
    expectError(() => op(zeros([2, 3]), { axis: 0.5 }), ShapeError, `${name}: axis must be a whole number, got 0.5`);
    expectError(
      () => op(zeros([2, 3]), { axis: "0" } as object),
      ShapeError,
      `${name}: axis must be a whole number, got "0"`,
    );
    expectError(
      () => op(zeros([2, 3]), { keepdim: true } as object),
      ConfigError,
      `${name}: unknown option "keepdim"; known options: axis, keepDims`,
    );
  });
});

describe("nothing to reduce", () => {
  it("sums to 0", () => {
    expect(sum(zeros([0])).item()).toBe(0);
    expect(sum(zeros([2, 0, 3]), { axis: 1 }).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it("has no mean and no maximum", () => {
    expectError(() => mean(zeros([2, 0])), ShapeError, "mean: nothing to average in shape [2, 0]");
    expectError(() => mean(zeros([2, 0]), { axis: 1 }), ShapeError, "mean: nothing to average in shape [2, 0]");
    expectError(() => max(zeros([2, 0]), { axis: -1 }), ShapeError, "max: nothing to choose from in shape [2, 0]");
  });

  it("beside an axis of 0 gives as little", () => {
    for (const op of [sum, mean, max]) expect(op(zeros([0, 3]), { axis: 1 }).shape).toEqual([0]);
  });
});

describe("gradients", () => {
  it("of a sum are ones, of a mean 1 / n, along the reduced axis", () => {
    fc.assert(
      fc.property(withAxis(), ({ shape, axis }) => {
        const x = ones(shape, { requiresGrad: true });
        const out = sum(x, { axis });
        out.backward(ones(out.shape));
        expect([...(x.grad as Tensor).data]).toEqual(Array(x.size).fill(1));
        x.grad = null;
        const average = mean(x, { axis });
        average.backward(ones(average.shape));
        expect([...(x.grad as unknown as Tensor).data]).toEqual(
          Array(x.size).fill(Math.fround(1 / (shape.at(axis) as number))),
        );
      }),
      { seed: 3 },
    );
  });

  it("of a maximum go to the first of equals", () => {
    const x = tensor(
      [
        [1, 5, 5],
        [7, 7, 2],
      ],
      { requiresGrad: true },
    );
    sum(max(x, { axis: 1 })).backward();
    expect(x.grad?.toArray()).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ]);
  });
});

describe("max", () => {
  it("takes NaN for the greatest, and finds -Infinity among its like", () => {
    expect(max(tensor([1, NaN, 3])).item()).toBeNaN();
    expect(max(tensor([-Infinity, -Infinity])).item()).toBe(-Infinity);
  });
});
