/** Matrix products against three nested loops. */
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { backend } from "../../src/backend/current.ts";
import { ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { transpose } from "../../src/ops/layout.ts";
import { linear, matmul } from "../../src/ops/matmul.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { broadcastShapes, sizeOf } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { broadcastable, length, shapes } from "../random-cases.ts";

afterEach(() => backend.use("auto"));

/** The matrix of x at batch index `index` of the leading shape `lead`, as rows. */
function matrixAt(x: Tensor, lead: readonly number[], index: number): number[][] {
  const [rows, cols] = x.shape.slice(-2);
  let position = 0;
  let stride = 1;
  for (let i = 1; i <= lead.length; i++) {
    const axis = lead[lead.length - i];
    const own = x.shape[x.shape.length - 2 - i] ?? 1;
    if (own !== 1) position += (index % axis) * stride;
    stride *= own;
    index = Math.floor(index / axis);
  }
  const start = position * rows * cols;
  return Array.from({ length: rows }, (_, row) => [...x.data.subarray(start + row * cols, start + (row + 1) * cols)]);
}

function naiveMatmul(a: Tensor, b: Tensor): number[] {
  const lead = broadcastShapes("test", a.shape.slice(0, -2), b.shape.slice(0, -2));
  return Array.from({ length: sizeOf(lead) }, (_, index) => {
    const right = matrixAt(b, lead, index);
    const n = b.shape.at(-1) as number;
    return matrixAt(a, lead, index).map((row) =>
      Array.from({ length: n }, (__, col) => row.reduce((total, value, i) => total + value * right[i][col], 0)),
    );
  }).flat(2);
}

describe("matmul", () => {
  it("multiplies by hand", () => {
    expect(
      matmul(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        tensor([
          [5, 6],
          [7, 8],
        ]),
      ).toArray(),
    ).toEqual([
      [19, 22],
      [43, 50],
    ]);
    expect(matmul(tensor([[1, 2, 3]]), tensor([[1], [10], [100]])).toArray()).toEqual([[321]]);
  });

  it("equals nested loops for leading axes that broadcast, and sizes of 0 and 1", () => {
    fc.assert(
      fc.property(
        broadcastable(0),
        length(6, 0),
        length(6, 0),
        length(6, 0),
        fc.nat(),
        ([leadA, leadB], m, k, n, seed) => {
          const random = new Random(seed);
          const a = randn([...leadA, m, k], random, { requiresGrad: true });
          const b = randn([...leadB, k, n], random, { requiresGrad: true });
          const out = matmul(a, b);
          expect(out.shape).toEqual([...broadcastShapes("test", leadA, leadB), m, n]);
          expect(distance(out.data, naiveMatmul(a, b))).toBeLessThan(1e-5);
          out.backward(ones(out.shape));
          expect(a.grad?.shape).toEqual(a.shape);
          expect(b.grad?.shape).toEqual(b.shape);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("equals nested loops at sizes beyond one tile", () => {
    for (const [m, k, n] of [
      [33, 17, 65],
      [1, 129, 70],
      [64, 64, 64],
      [5, 300, 3],
    ]) {
      const random = new Random(m);
      const [a, b] = [randn([m, k], random), randn([k, n], random)];
      expect(distance(matmul(a, b).data, naiveMatmul(a, b))).toBeLessThan(2e-6);
    }
  });

  it("has the gradients gradOut · Bᵀ and Aᵀ · gradOut", () => {
    const a = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    const b = tensor(
      [
        [5, 6],
        [7, 8],
      ],
      { requiresGrad: true },
    );
    matmul(a, b).backward(
      tensor([
        [1, 0],
        [0, 10],
      ]),
    );
    expect(a.grad?.toArray()).toEqual([
      [5, 7],
      [60, 80],
    ]);
    expect(b.grad?.toArray()).toEqual([
      [1, 30],
      [2, 40],
    ]);
  });

  it("names both shapes when they do not fit", () => {
    expectError(
      () => matmul(zeros([2, 3]), zeros([4, 5])),
      ShapeError,
      "matmul: inner sizes differ: a is [2, 3], b is [4, 5]",
    );
    expectError(
      () => matmul(zeros([3]), zeros([3, 2])),
      ShapeError,
      "matmul: needs two axes or more: a is [3], b is [3, 2]",
    );
    expectError(
      () => matmul(zeros([3, 2]), zeros([])),
      ShapeError,
      "matmul: needs two axes or more: a is [3, 2], b is []",
    );
    expectError(
      () => matmul(zeros([2, 3, 4]), zeros([3, 4, 5])),
      ShapeError,
      "matmul: shapes do not broadcast: a is [2, 3, 4], b is [3, 4, 5]",
    );
  });
});

describe("linear", () => {
  it("is x · weightᵀ + bias, to the last bits, for any leading axes", () => {
    backend.use("loops"); // which sum in the same order however the weight is stored
    fc.assert(
      fc.property(shapes({ minLength: 0, maxRank: 3 }), length(9), length(9), fc.nat(), (lead, dIn, dOut, seed) => {
        const random = new Random(seed);
        const x = randn([...lead, dIn], random, { requiresGrad: true });
        const weight = randn([dOut, dIn], random, { requiresGrad: true });
        const bias = randn([dOut], random, { requiresGrad: true });
        const out = linear(x, weight, bias);
        expect(out.shape).toEqual([...lead, dOut]);
        if (lead.length > 0)
          expect(distance(out.data, add(matmul(x, transpose(weight)), bias).data)).toBeLessThan(1e-6);
        expect([...linear(x, weight, zeros([dOut])).data]).toEqual(
          [...linear(x, weight).data].map((value) => value + 0),
        );
        out.backward(ones(out.shape));
        for (const leaf of [x, weight, bias]) expect(leaf.grad?.shape).toEqual(leaf.shape);
        expect([...(bias.grad as Tensor).data]).toEqual(Array(dOut).fill(sizeOf(lead)));
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it("by hand", () => {
    expect(
      linear(
        tensor([1, 2]),
        tensor([
          [1, 0],
          [0, 1],
          [1, 1],
        ]),
        tensor([10, 20, 30]),
      ).toArray(),
    ).toEqual([11, 22, 33]);
  });

  it("names what does not fit", () => {
    expectError(
      () => linear(zeros([2, 3]), zeros([4, 5])),
      ShapeError,
      "linear: last axis of x must be the second of weight: x is [2, 3], weight is [4, 5]",
    );
    expectError(
      () => linear(zeros([2, 3]), zeros([3])),
      ShapeError,
      "linear: last axis of x must be the second of weight: x is [2, 3], weight is [3]",
    );
    expectError(
      () => linear(zeros([]), zeros([3, 1])),
      ShapeError,
      "linear: last axis of x must be the second of weight: x is [], weight is [3, 1]",
    );
    expectError(
      () => linear(zeros([2, 3]), zeros([4, 3]), zeros([3])),
      ShapeError,
      "linear: bias must be [4], got [3]",
    );
  });
});
