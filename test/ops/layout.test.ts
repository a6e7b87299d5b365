/** Rearranging numbers: what is shared, what is copied, what comes back. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { concat, reshape, slice, transpose } from "../../src/ops/layout.ts";
import { sum } from "../../src/ops/reduce.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { arange, ones, tensor, zeros } from "../../src/tensor/create.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import type { NestedArray, Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";
import { shapes, withAxis } from "../random-cases.ts";

const counting = (shape: readonly number[]): Tensor => reshape(arange(sizeOf(shape)), shape);

describe("reshape", () => {
  it("shares its numbers and keeps their order, for any factorisation", () => {
    fc.assert(
      fc.property(shapes({ minLength: 0 }), shapes({ maxRank: 3 }), (shape, other) => {
        const x = counting(shape);
        for (const target of [
          [-1],
          [1, ...shape],
          [...shape].reverse(),
          ...(x.size > 0 && x.size % sizeOf(other) === 0 ? [[...other, -1]] : []),
        ]) {
          const out = reshape(x, target);
          expect(out.data).toBe(x.data);
          expect(out.size).toBe(x.size);
        }
      }),
      { seed: 1 },
    );
  });

  it("works an axis of -1 out", () => {
    expect(reshape(zeros([3, 4]), [2, -1]).shape).toEqual([2, 6]);
    expect(reshape(zeros([3, 4]), [-1]).shape).toEqual([12]);
    expect(reshape(zeros([0, 4]), [-1, 4]).shape).toEqual([0, 4]);
    expect(reshape(zeros([]), [-1]).shape).toEqual([1]);
  });

  it("names both shapes when the numbers do not fit", () => {
    expectError(() => reshape(zeros([2, 3]), [4]), ShapeError, "reshape: [2, 3] (6 numbers) does not fit [4]");
    expectError(() => reshape(zeros([2, 3]), [4, -1]), ShapeError, "reshape: [2, 3] (6 numbers) does not fit [4, -1]");
    expectError(() => reshape(zeros([2, 3]), [-1, 0]), ShapeError, "reshape: [2, 3] (6 numbers) does not fit [-1, 0]");
    expectError(
      () => reshape(zeros([2, 3]), [-2, -3]),
      ShapeError,
      "reshape: axes must be whole numbers >= 0, got [-2, -3]",
    );
    expectError(() => reshape(zeros([4]), [-1, -1]), ShapeError, "reshape: only one axis may be -1, got [-1, -1]");
    expectError(
      () => reshape(zeros([4]), [2, -1, -3]),
      ShapeError,
      "reshape: axes must be whole numbers >= 0, got [2, -3]",
    );
    expectError(
      () => reshape(zeros([3]), [1.5, 2]),
      ShapeError,
      "reshape: axes must be whole numbers >= 0, got [1.5, 2]",
    );
  });
});

describe("transpose", () => {
  it("twice is the identity, and moves every number where it belongs", () => {
    fc.assert(
      fc.property(withAxis(0), fc.nat(), ({ shape, axis }, pick) => {
        const x = counting(shape);
        const other = pick % shape.length;
        const out = transpose(x, axis, other);
        const from = axis < 0 ? axis + shape.length : axis;
        expect(out.shape).toEqual(shape.with(from, shape[other]).with(other, shape[from]));
        const stride = (of: readonly number[], at: number): number => sizeOf(of.slice(at + 1));
        for (let i = 0; i < x.size; i++) {
          const index = shape.map((length, at) => Math.floor(i / stride(shape, at)) % length);
          const swapped = index.with(from, index[other]).with(other, index[from]);
          expect(out.data[swapped.reduce((position, value, at) => position + value * stride(out.shape, at), 0)]).toBe(
            i,
          );
        }
        expect([...transpose(out, axis, other).data]).toEqual([...x.data]);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("swaps the last two axes unless told otherwise", () => {
    expect(
      transpose(
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ).toArray(),
    ).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(transpose(zeros([2, 3, 4])).shape).toEqual([2, 4, 3]);
  });

  it("names an axis that is not there", () => {
    expectError(
      () => transpose(zeros([2, 3]), 0, 2),
      ShapeError,
      "transpose: axis 2 does not exist in a tensor of 2 axes",
    );
    expectError(() => transpose(zeros([2])), ShapeError, "transpose: needs a tensor of two axes or more, got [2]");
  });
});

describe("slice", () => {
  it("equals slicing nested lists, negative ends included", () => {
    const cut = (value: NestedArray[], axis: number, start?: number, end?: number): NestedArray[] =>
      axis === 0 ? value.slice(start, end) : value.map((inner) => cut(inner as NestedArray[], axis - 1, start, end));
    fc.assert(
      fc.property(withAxis(), fc.nat(), fc.nat(), ({ shape, axis }, a, b) => {
        const length = shape.at(axis) as number;
        const [start, end] = [a % (length + 1), b % (length + 1)].sort((x, y) => x - y);
        const x = counting(shape);
        const from = axis < 0 ? axis + shape.length : axis;
        expect(slice(x, { axis, start, end }).toArray()).toEqual(cut(x.toArray() as NestedArray[], from, start, end));
        if (start < length && end > start)
          expect(slice(x, { axis, start: start - length, end }).toArray()).toEqual(
            cut(x.toArray() as NestedArray[], from, start, end),
          );
        expect(slice(x, { axis, start }).toArray()).toEqual(cut(x.toArray() as NestedArray[], from, start));
        expect(slice(x, { axis, end }).toArray()).toEqual(cut(x.toArray() as NestedArray[], from, 0, end));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("of the first axis shares its numbers, of another axis copies them", () => {
    const x = counting([4, 3]);
    const view = slice(x, { start: 1, end: 3 });
    expect(view.data.buffer).toBe(x.data.buffer);
    expect(view.data.byteOffset).toBe(x.data.byteOffset + 12);
    expect(slice(x, { axis: 1, end: 2 }).data.buffer).not.toBe(x.data.buffer);
  });

  it("has a gradient of 0 outside the range", () => {
    const x = tensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { requiresGrad: true },
    );
    sum(mul(slice(x, { axis: 1, start: 1, end: 2 }), 7)).backward();
    expect(x.grad?.toArray()).toEqual([
      [0, 7, 0],
      [0, 7, 0],
    ]);
  });

  it("names the range and the shape when one lies outside the other", () => {
    expectError(
      () => slice(zeros([2, 3]), { axis: 1, start: 1, end: 4 }),
      ShapeError,
      "slice: range 1..4 does not lie within axis 1 of [2, 3]",
    );
    expectError(
      () => slice(zeros([5]), { start: 3, end: 2 }),
      ShapeError,
      "slice: range 3..2 does not lie within axis 0 of [5]",
    );
    expectError(
      () => slice(zeros([5]), { start: -6 }),
      ShapeError,
      "slice: range -6..5 does not lie within axis 0 of [5]",
    );
    expectError(
      () => slice(zeros([5]), { start: 0.5 }),
      ShapeError,
      "slice: range 0.5..5 does not lie within axis 0 of [5]",
    );
    expectError(() => slice(zeros([]), {}), ShapeError, "slice: axis 0 does not exist in a tensor of 0 axes");
    expectError(
      () => slice(zeros([5]), { from: 1 } as object),
      ConfigError,
      'slice: unknown option "from"; known options: axis, start, end',
    );
  });
});

describe("concat", () => {
  it("puts back together what slice took apart", () => {
    fc.assert(
      fc.property(withAxis(0), fc.array(fc.nat(), { maxLength: 3 }), ({ shape, axis }, cuts) => {
        const length = shape.at(axis) as number;
        const edges = [0, ...cuts.map((cut) => cut % (length + 1)).sort((a, b) => a - b), length];
        const x = counting(shape);
        const parts = edges.slice(1).map((end, i) => slice(x, { axis, start: edges[i], end }));
        const joined = concat(parts, { axis });
        expect(joined.shape).toEqual(shape);
        expect([...joined.data]).toEqual([...x.data]);
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  it("hands each tensor its part of the gradient, and the sum of parts to one that comes twice", () => {
    const a = ones([2, 1], { requiresGrad: true });
    const b = ones([2, 2], { requiresGrad: true });
    concat([a, b, a], { axis: 1 }).backward(
      tensor([
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ]),
    );
    expect(a.grad?.toArray()).toEqual([[5], [13]]);
    expect(b.grad?.toArray()).toEqual([
      [2, 3],
      [6, 7],
    ]);
  });

  it("names the shapes that do not agree", () => {
    expectError(
      () => concat([zeros([2, 3]), zeros([2, 4])]),
      ShapeError,
      "concat: shapes must agree but for axis 0: [2, 3] and [2, 4]",
    );
    expectError(
      () => concat([zeros([2, 3]), zeros([3])], { axis: 1 }),
      ShapeError,
      "concat: shapes must agree but for axis 1: [2, 3] and [3]",
    );
    expectError(() => concat([]), ShapeError, "concat: needs at least one tensor");
    expectError(
      () => concat([zeros([2])], { axis: 1 }),
      ShapeError,
      "concat: axis 1 does not exist in a tensor of 1 axes",
    );
    expectError(
      () => concat([zeros([2])], { dim: 0 } as object),
      ConfigError,
      'concat: unknown option "dim"; known options: axis',
    );
  });
});
