/** Sums, differences, products and quotients against a naive loop over every index. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { add, div, mul, sub } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";
import { broadcastable } from "../random-cases.ts";

const operations = {
  add: { op: add, scalar: (a: number, b: number) => a + b },
  sub: { op: sub, scalar: (a: number, b: number) => a - b },
  mul: { op: mul, scalar: (a: number, b: number) => a * b },
  div: { op: div, scalar: (a: number, b: number) => a / b },
};

/** Every index of a shape, in row-major order. */
function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (found, length) => found.flatMap((index) => Array.from({ length }, (_, i) => [...index, i])),
    [[]],
  );
}

/** Reads x at an index of a shape that x broadcasts to. */
function readAt(x: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - x.shape.length);
  return x.data[x.shape.reduce((position, length, axis) => position * length + (length === 1 ? 0 : own[axis]), 0)];
}

/** The shape that two shapes stretch to, written anew. */
function stretched(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const padded = (shape: readonly number[]): number[] => [...Array<number>(rank - shape.length).fill(1), ...shape];
  return padded(a).map((length, axis) => (length === 1 ? padded(b)[axis] : length));
}

describe.each(Object.entries(operations))("%s", (name, { op, scalar }) => {
  it("equals a loop over every index, for shapes that broadcast and axes of 0", () => {
    fc.assert(
      fc.property(broadcastable(0), fc.nat(), ([shapeA, shapeB], seed) => {
        const random = new Random(seed);
        const [a, b] = [randn(shapeA, random), randn(shapeB, random)];
        const out = op(a, b);
        expect(out.shape).toEqual(stretched(shapeA, shapeB));
        expect([...out.data]).toEqual(
          indicesOf(out.shape).map((index) => Math.fround(scalar(readAt(a, index), readAt(b, index)))),
        );
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("gives gradients of the operands' own shapes, axes of 0 included", () => {
    fc.assert(
      fc.property(broadcastable(0), ([shapeA, shapeB]) => {
        const [a, b] = [ones(shapeA, { requiresGrad: true }), ones(shapeB, { requiresGrad: true })];
        const out = op(a, b);
        out.backward(ones(out.shape));
        expect(a.grad?.shape).toEqual(shapeA);
        expect(b.grad?.shape).toEqual(shapeB);
        // All operands are 1, so each use of an element adds the same to its gradient.
        const sign = name === "sub" || name === "div" ? -1 : 1;
        expect([...(a.grad as Tensor).data]).toEqual(Array(a.size).fill(a.size === 0 ? 0 : out.size / a.size));
        expect([...(b.grad as Tensor).data].map((value) => value + 0)).toEqual(
          Array(b.size).fill(b.size === 0 ? 0 : (sign * out.size) / b.size + 0),
        );
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it("takes numbers on either side", () => {
    expect(op(tensor([1, 2]), 4).toArray()).toEqual([scalar(1, 4), scalar(2, 4)]);
    expect(op(4, tensor([1, 2])).toArray()).toEqual([scalar(4, 1), scalar(4, 2)]);
    expect(op(3, 2).toArray()).toBe(scalar(3, 2));
  });

  it("names itself and both shapes when they do not broadcast", () => {
    expectError(
      () => op(zeros([2, 3]), zeros([4])),
      ShapeError,
      `${name}: shapes do not broadcast: a is [2, 3], b is [4]`,
    );
    expectError(
      () => op(zeros([2, 1, 3]), zeros([2, 4, 2])),
      ShapeError,
      `${name}: shapes do not broadcast: a is [2, 1, 3], b is [2, 4, 2]`,
    );
    expectError(() => op(zeros([0]), zeros([2])), ShapeError, `${name}: shapes do not broadcast: a is [0], b is [2]`);
  });
});

describe("gradients by hand", () => {
  it("of a product are the other factor", () => {
    const a = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    const b = tensor([10, 100], { requiresGrad: true });
    sum(mul(a, b)).backward();
    expect(a.grad?.toArray()).toEqual([
      [10, 100],
      [10, 100],
    ]);
    expect(b.grad?.toArray()).toEqual([4, 6]);
  });

  it("of a quotient a / b are 1 / b and -a / b²", () => {
    const a = tensor([8, 6], { requiresGrad: true });
    const b = tensor([2, 4], { requiresGrad: true });
    sum(div(a, b)).backward();
    expect(a.grad?.toArray()).toEqual([0.5, 0.25]);
    expect(b.grad?.toArray()).toEqual([-2, -0.375]);
  });

  it("flow only into operands that want them", () => {
    const a = tensor([1, 2], { requiresGrad: true });
    const b = tensor([3, 4]);
    for (const { op } of Object.values(operations)) sum(op(a, b)).backward();
    expect(b.grad).toBeNull();
    expect(a.grad?.shape).toEqual([2]);
  });
});

describe("division", () => {
  it("by zero gives infinities and NaN, as IEEE 754 says", () => {
    expect(div(tensor([1, -1, 0]), 0).toArray()).toEqual([Infinity, -Infinity, NaN]);
  });
});
