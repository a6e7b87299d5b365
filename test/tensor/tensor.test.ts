/** The tensor itself. */
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, DisposedError, ShapeError } from "../../src/errors.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { arange, ones, tensor, zeros } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import * as fromTensor from "../../src/public/tensor.ts";
import { expectError } from "../expect-error.ts";
import { shapes } from "../random-cases.ts";

describe("Tensor", () => {
  it("uses the array that it is given", () => {
    const data = Float32Array.of(1, 2, 3);
    const x = new Tensor(data, [3]);
    expect(x.data).toBe(data);
    expect([x.size, x.requiresGrad, x.grad, x.node]).toEqual([3, false, null, null]);
    expect(fromTensor.Tensor).toBe(Tensor);
  });

  it("refuses an array of another size", () => {
    expectError(
      () => new Tensor(new Float32Array(3), [2, 2]),
      ShapeError,
      "Tensor: shape [2, 2] holds 4 numbers, got 3",
    );
  });

  it("turns into nested lists of its shape, and back", () => {
    fc.assert(
      fc.property(shapes(), (shape) => {
        const x = new Tensor(arange(shape.reduce((a, b) => a * b, 1)).data, shape);
        const again = tensor(x.toArray());
        expect(again.shape).toEqual(shape);
        expect([...again.data]).toEqual([...x.data]);
      }),
      { seed: 1 },
    );
    expect(zeros([2, 0]).toArray()).toEqual([[], []]);
  });

  it("is read without a cast by who knows its axes", () => {
    const rows: number[][] = tensor([
      [1, 2],
      [3, 4],
    ]).toArray();
    expect(rows[1][0]).toBe(3);
    expect(tensor([[5]]).toArray<number[][]>()[0][0]).toBe(5);
  });

  it("shows its numbers in the console and in JSON", () => {
    const x = tensor([[1, 2.5]]);
    expect(inspect(x)).toBe("Tensor [1, 2] [[1, 2.500]]");
    expect(inspect({ x })).toBe("{ x: Tensor [1, 2] [[1, 2.500]] }");
    expect(JSON.stringify({ x })).toBe('{"x":[[1,2.5]]}');
    x.release();
    expect(inspect(x)).toBe("Tensor [1, 2] (released)");
  });

  it("has an item where it holds one number only", () => {
    expect(tensor([[7]]).item()).toBe(7);
    expectError(() => zeros([2]).item(), ShapeError, "item: needs a tensor of one number, got shape [2]");
    expectError(() => zeros([0]).item(), ShapeError, "item: needs a tensor of one number, got shape [0]");
  });

  it("says why there is nothing to differentiate", () => {
    expectError(
      () => zeros([]).backward(),
      ConfigError,
      "backward: tensor [] has no graph: no input of its computation requires a gradient, or it left a scope or noGrad",
    );
    expectError(
      () => mul(ones([2]), 2).backward(),
      ConfigError,
      "backward: tensor [2] has no graph: no input of its computation requires a gradient, or it left a scope or noGrad",
    );
    expectError(
      () => ones([2], { requiresGrad: true }).backward(),
      ConfigError,
      "backward: tensor [2] has no graph: it is a leaf: nothing was computed from it here",
    );
  });
});

describe("detach", () => {
  it("forgets the computation and keeps the numbers", () => {
    const y = mul(ones([1], { requiresGrad: true }), 3);
    y.detach();
    expect([y.requiresGrad, y.item()]).toEqual([false, 3]);
    expectError(
      () => y.backward(),
      ConfigError,
      "backward: tensor [1] has no graph: no input of its computation requires a gradient, or it left a scope or noGrad",
    );
  });

  it("leaves a leaf a leaf", () => {
    const x = ones([1], { requiresGrad: true });
    x.detach();
    expect(x.requiresGrad).toBe(true);
  });
});

describe("release", () => {
  it("makes every reading throw, and says what to do", () => {
    const x = ones([2], { requiresGrad: true });
    mul(x, 2).backward(ones([2]));
    x.release();
    expect(x.grad).toBeNull();
    const message =
      "Tensor [2]: read after release; return it from its scope, alone or in an array, a plain object or a Map, or do not dispose its model yet";
    for (const read of [() => x.data, () => x.toArray(), () => x.toString(), () => mul(x, 1)])
      expectError(read, DisposedError, message);
    const scalar = ones([]);
    scalar.release();
    expectError(() => scalar.item(), DisposedError, /^Tensor \[\]: read after release/);
  });
});
