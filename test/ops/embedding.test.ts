/** Rows of a table. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { embedding } from "../../src/ops/embedding.ts";
import { sum } from "../../src/ops/reduce.ts";
import { randn, tensor, zeros } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { expectError } from "../expect-error.ts";
import { TYPES, randomStored } from "../stored-cases.ts";

describe("embedding", () => {
  it("picks rows in the order of the ids, whatever holds them", () => {
    const weight = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const expected = [
      [5, 6],
      [1, 2],
      [5, 6],
    ];
    for (const ids of [[2, 0, 2], Int32Array.of(2, 0, 2), tensor([2, 0, 2])])
      expect(embedding(weight, ids).toArray()).toEqual(expected);
    expect(embedding(weight, [[2], [0]]).toArray()).toEqual([[[5, 6]], [[1, 2]]]);
    expect(embedding(weight, tensor(1)).toArray()).toEqual([3, 4]);
    expect(embedding(weight, []).shape).toEqual([0, 2]);
  });

  it("gives each row the sum of the gradients of its uses, and 0 to unused ones", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 20 }), fc.nat(), (ids, seed) => {
        const weight = zeros([5, 3], { requiresGrad: true });
        const gradOut = randn([ids.length, 3], new Random(seed));
        embedding(weight, ids).backward(gradOut);
        const expected = new Float64Array(15);
        ids.forEach((id, i) => [0, 1, 2].forEach((col) => (expected[3 * id + col] += gradOut.data[3 * i + col])));
        (weight.grad as Tensor).data.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
      }),
      { seed: 1 },
    );
  });

  it("adds up the gradients of one table used twice", () => {
    const weight = zeros([3, 1], { requiresGrad: true });
    sum(embedding(weight, [0, 1])).backward();
    sum(embedding(weight, [1, 2])).backward();
    expect(weight.grad?.toArray()).toEqual([[1], [2], [1]]);
  });

  it("names an id that is no row, and a table that is no matrix", () => {
    expectError(
      () => embedding(zeros([3, 2]), [0, 3]),
      ShapeError,
      "embedding: ids must be whole numbers from 0 to 2, got 3 at position 1",
    );
    expectError(
      () => embedding(zeros([3, 2]), [-1]),
      ShapeError,
      "embedding: ids must be whole numbers from 0 to 2, got -1 at position 0",
    );
    expectError(() => embedding(zeros([3]), [0]), ShapeError, "embedding: weight must be [rows, cols], got [3]");
  });
});

describeBackends(() => {
  it("widens the rows of a stored table that are asked for", () => {
    for (const type of TYPES) {
      const weight = Tensor.ofStored(randomStored(type, 5, 64, new Random(2)));
      const expected = embedding(new Tensor(weight.data, weight.shape), [[4, 0, 4]]);
      const got = embedding(weight, [[4, 0, 4]]);
      expect([got.shape, [...got.data]]).toEqual([[1, 3, 64], [...expected.data]]);
    }
  });
});
