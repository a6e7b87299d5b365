/** Making tensors. */
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { alike, arange, full, ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import type { NestedArray } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

describe("tensor", () => {
  it("reads nested lists, flat lists with a shape, typed arrays and numbers", () => {
    expect(
      tensor([
        [1, 2],
        [3, 4],
      ]).shape,
    ).toEqual([2, 2]);
    expect(tensor([1, 2, 3, 4], [2, 2]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor(Int8Array.of(1, 2)).toArray()).toEqual([1, 2]);
    expect(tensor(3).shape).toEqual([]);
    expect(tensor(3).item()).toBe(3);
    expect(tensor([[[1], [2]]]).shape).toEqual([1, 2, 1]);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        [4],
      ).toArray(),
    ).toEqual([1, 2, 3, 4]);
  });

  it("copies numbers and shape", () => {
    const [data, shape] = [Float32Array.of(1, 2), [2]];
    const x = tensor(data, shape);
    data[0] = 9;
    shape[0] = 9;
    expect(x.toArray()).toEqual([1, 2]);
    expect(x.shape).toEqual([2]);
  });

  it("takes options in place of the shape or after it", () => {
    expect(tensor([1], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(tensor([1], [1, 1], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(tensor([1], undefined, { requiresGrad: true }).requiresGrad).toBe(true);
    expect(tensor([1]).requiresGrad).toBe(false);
  });

  it("names what does not fit", () => {
    expectError(() => tensor([1, 2, 3], [2, 2]), ShapeError, "tensor: shape [2, 2] needs 4 numbers, got 3");
    expectError(() => tensor([1], [-1]), ShapeError, "tensor: axes must be whole numbers >= 0, got [-1]");
    expectError(
      () => tensor([[1, 2], [3]]),
      ShapeError,
      "tensor: nested lists are uneven: item 0 is [2], item 1 is [1]",
    );
    expectError(
      () => tensor([1, [2]] as NestedArray),
      ShapeError,
      "tensor: nested lists are uneven: item 0 is [], item 1 is [1]",
    );
    expectError(
      () => tensor(["a"] as unknown as number[]),
      ShapeError,
      'tensor: data must be numbers, nested lists of numbers or a typed array, got "a"',
    );
    expectError(
      () => tensor(null as unknown as number[]),
      ShapeError,
      "tensor: data must be numbers, nested lists of numbers or a typed array, got null",
    );
    expectError(
      () => tensor({} as number[]),
      ShapeError,
      "tensor: data must be numbers, nested lists of numbers or a typed array, got an object",
    );
    expectError(
      () => tensor(BigInt64Array.of(1n) as unknown as number[]),
      ShapeError,
      "tensor: data must be numbers, nested lists of numbers or a typed array, got a bigint",
    );
    expectError(
      () => tensor([1, 2], 2 as unknown as number[]),
      ShapeError,
      "tensor: shape must be a list of axis lengths such as [2, 3], got 2",
    );
    expectError(
      () => tensor([1], { requireGrad: true } as object),
      ConfigError,
      'tensor: unknown option "requireGrad"; known options: requiresGrad',
    );
  });
});

describe.each([
  ["zeros", zeros, 0],
  ["ones", ones, 1],
  ["full", (shape: number[], o?: object) => full(shape, 2.5, o), 2.5],
] as const)("%s", (name, make, value) => {
  it("fills any shape", () => {
    expect(make([2, 2]).toArray()).toEqual([
      [value, value],
      [value, value],
    ]);
    expect(make([]).item()).toBe(value);
    expect(make([0, 2]).size).toBe(0);
    expect(make([1], { requiresGrad: true }).requiresGrad).toBe(true);
  });

  it("names a bad shape and an unknown option by its own name", () => {
    expectError(() => make([-1]), ShapeError, `${name}: axes must be whole numbers >= 0, got [-1]`);
    expectError(
      () => make([1], { grad: true } as object),
      ConfigError,
      `${name}: unknown option "grad"; known options: requiresGrad`,
    );
  });
});

describe("alike", () => {
  it("takes the shape of another tensor, not its numbers or its gradient", () => {
    const x = ones([2, 3], { requiresGrad: true });
    expect(alike(x).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(alike(x, 4).toArray()).toEqual([
      [4, 4, 4],
      [4, 4, 4],
    ]);
    expect(alike(x).requiresGrad).toBe(false);
  });
});

describe("randn", () => {
  it("draws from the generator that it is given", () => {
    const random = new Random(1);
    const expected = [random.normal(), random.normal()].map(Math.fround);
    expect(randn([2], new Random(1)).toArray()).toEqual(expected);
  });

  it("takes a generator or a seed", () => {
    expect(randn([4], 3).toArray()).toEqual(randn([4], new Random(3)).toArray());
    expect(randn([4]).toArray()).toEqual(randn([4], 0).toArray());
    expectError(
      () => randn([2], "1" as unknown as Random),
      ConfigError,
      "randn: the second argument must be a Random or a seed, e.g. randn([2, 3], new Random(1))",
    );
    expectError(() => randn([-2], new Random(1)), ShapeError, "randn: axes must be whole numbers >= 0, got [-2]");
    expectError(
      () => randn([2], new Random(1), { seed: 1 } as object),
      ConfigError,
      'randn: unknown option "seed"; known options: requiresGrad',
    );
  });
});

describe("arange", () => {
  it("counts from start to before end", () => {
    expect(arange(4).toArray()).toEqual([0, 1, 2, 3]);
    expect(arange(1, 4).toArray()).toEqual([1, 2, 3]);
    expect(arange(0, 1, 0.25).toArray()).toEqual([0, 0.25, 0.5, 0.75]);
    expect(arange(3, 0, -1).toArray()).toEqual([3, 2, 1]);
    expect(arange(0).shape).toEqual([0]);
    expect(arange(-3).shape).toEqual([0]);
  });

  it("names numbers that lead nowhere", () => {
    const message = "arange: start, end and step must be finite and step not 0, got ";
    expectError(() => arange(Infinity), ConfigError, `${message}0, Infinity, 1`);
    expectError(() => arange(0, 3, 0), ConfigError, `${message}0, 3, 0`);
    expectError(() => arange(0, 0, 0), ConfigError, `${message}0, 0, 0`);
    expectError(() => arange(NaN), ConfigError, `${message}0, NaN, 1`);
    const bare = arange as (...numbers: unknown[]) => unknown;
    expectError(() => bare(), ConfigError, `${message}0, nothing, 1`);
    expectError(() => bare("4"), ConfigError, `${message}0, "4", 1`);
    expectError(() => bare(0, null), ConfigError, `${message}0, null, 1`);
  });
});
