/** Arithmetic on shapes. */
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { ShapeError } from "../../src/errors.ts";
import {
  broadcastShapes,
  checkShape,
  formatShape,
  resolveAxis,
  sameShape,
  sizeOf,
  viewAtAxis,
} from "../../src/tensor/shape.ts";
import { expectError } from "../expect-error.ts";
import { broadcastable, withAxis } from "../random-cases.ts";

describe("sizeOf", () => {
  it("is the product of the axes, 1 for a scalar", () => {
    expect([[], [5], [2, 3], [2, 0, 3]].map(sizeOf)).toEqual([1, 5, 6, 0]);
  });
});

describe("formatShape", () => {
  it("writes what error messages show", () => {
    expect([[], [5], [2, 3]].map(formatShape)).toEqual(["[]", "[5]", "[2, 3]"]);
  });
});

describe("sameShape", () => {
  it("compares lengths and axes", () => {
    expect(sameShape([2, 3], [2, 3])).toBe(true);
    expect(sameShape([], [])).toBe(true);
    expect(sameShape([2, 3], [3, 2])).toBe(false);
    expect(sameShape([2], [2, 1])).toBe(false);
    expect(sameShape([2, 1], [2])).toBe(false);
  });
});

describe("checkShape", () => {
  it.each([[[-1, 2]], [[1.5]], [[NaN]], [[Infinity]]])("refuses %j", (shape) => {
    expectError(
      () => checkShape("zeros", shape),
      ShapeError,
      `zeros: axes must be whole numbers >= 0, got ${formatShape(shape)}`,
    );
  });

  it("accepts axes of 0 and scalars", () => {
    checkShape("zeros", []);
    checkShape("zeros", [0, 3]);
  });

  it.each([
    [3, "3"],
    [null, "null"],
    [undefined, "nothing"],
    ["2,3", '"2,3"'],
    [Int32Array.of(2), "an object"],
  ])("refuses %j, which is no list", (shape, shown) => {
    expectError(
      () => checkShape("zeros", shape as unknown as number[]),
      ShapeError,
      `zeros: shape must be a list of axis lengths such as [2, 3], got ${shown}`,
    );
  });

  it("refuses more numbers than kernels can count", () => {
    checkShape("zeros", [2 ** 31 - 1]);
    expectError(
      () => checkShape("zeros", [2 ** 16, 2 ** 15]),
      ShapeError,
      "zeros: shape [65536, 32768] has 2147483648 numbers, a tensor holds at most 2147483647",
    );
    expectError(() => checkShape("zeros", ["2" as unknown as number]), ShapeError, /got \["2"\]$/);
  });
});

describe("resolveAxis", () => {
  it("counts negative axes from the end", () => {
    expect([0, 2, -1, -3].map((axis) => resolveAxis("sum", axis, 3))).toEqual([0, 2, 2, 0]);
  });

  it.each([0.5, NaN, null, "0"])("refuses %j, which is no axis", (axis) => {
    const shown = typeof axis === "string" ? `"${axis}"` : String(axis);
    expectError(
      () => resolveAxis("sum", axis as number, 3),
      ShapeError,
      `sum: axis must be a whole number, got ${shown}`,
    );
  });

  it.each([3, -4])("refuses axis %d of 3", (axis) => {
    expectError(
      () => resolveAxis("sum", axis, 3),
      ShapeError,
      `sum: axis ${axis} does not exist in a tensor of 3 axes`,
    );
  });
});

describe("viewAtAxis", () => {
  it("splits any shape into what is outside, the axis, and what is inside", () => {
    expect(viewAtAxis([2, 3, 4, 5], 2)).toEqual({ outer: 6, length: 4, inner: 5 });
    fc.assert(
      fc.property(withAxis(0), ({ shape, axis }) => {
        const { outer, length, inner } = viewAtAxis(shape, axis < 0 ? axis + shape.length : axis);
        expect(outer * length * inner).toBe(sizeOf(shape));
        expect(length).toBe(shape.at(axis));
      }),
      { seed: 1 },
    );
  });
});

describe("broadcastShapes", () => {
  it("aligns axes at the end and stretches axes of 1", () => {
    expect(broadcastShapes("add", [3, 1, 5], [4, 1])).toEqual([3, 4, 5]);
    expect(broadcastShapes("add", [], [2, 3])).toEqual([2, 3]);
    expect(broadcastShapes("add", [1], [0])).toEqual([0]);
  });

  it("does not care about the order, and with itself gives itself", () => {
    fc.assert(
      fc.property(broadcastable(0), ([a, b]) => {
        expect(broadcastShapes("add", a, b)).toEqual(broadcastShapes("add", b, a));
        expect(broadcastShapes("add", a, a)).toEqual(a);
      }),
      { seed: 2 },
    );
  });

  it("names the operation and both shapes", () => {
    expectError(
      () => broadcastShapes("mul", [2, 3], [3, 2]),
      ShapeError,
      "mul: shapes do not broadcast: a is [2, 3], b is [3, 2]",
    );
    expectError(
      () => broadcastShapes("matmul", [2], [3], [2, 4, 5], [3, 5, 4]),
      ShapeError,
      "matmul: shapes do not broadcast: a is [2, 4, 5], b is [3, 5, 4]",
    );
  });
});
