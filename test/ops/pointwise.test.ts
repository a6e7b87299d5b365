/** Functions of one number, against JavaScript's own in double precision. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { exp, gelu, log, relu, sigmoid, silu, tanh } from "../../src/ops/pointwise.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, tensor, zeros } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { shapes } from "../random-cases.ts";

/** Φ by its Taylor series around 0, enough for |x| <= 5. */
function normalCdf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / (2 * n);
    total += term / (2 * n + 1);
  }
  return 0.5 + total / Math.sqrt(2 * Math.PI);
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

const functions: Record<string, { op: (x: Tensor) => Tensor; scalar: (x: number) => number }> = {
  exp: { op: exp, scalar: Math.exp },
  tanh: { op: tanh, scalar: Math.tanh },
  sigmoid: { op: sigmoid, scalar: logistic },
  relu: { op: relu, scalar: (x) => Math.max(x, 0) },
  silu: { op: silu, scalar: (x) => x * logistic(x) },
  gelu: { op: (x) => gelu(x), scalar: (x) => x * normalCdf(x) },
  geluTanh: {
    op: (x) => gelu(x, { approximate: "tanh" }),
    scalar: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  },
};

describe.each(Object.entries(functions))("%s", (_, { op, scalar }) => {
  it("agrees with double precision on [-4, 4]", () => {
    const points = Float32Array.from({ length: 801 }, (__, i) => (i - 400) / 100);
    expect(distance(op(tensor(points)).data, Array.from(points, scalar))).toBeLessThan(1e-6);
  });

  it("keeps the shape, axes of 0 included", () => {
    fc.assert(
      fc.property(shapes({ minLength: 0 }), (shape) => {
        const x = zeros(shape, { requiresGrad: true });
        const out = op(x);
        expect(out.shape).toEqual(shape);
        out.backward(ones(shape));
        expect(x.grad?.shape).toEqual(shape);
      }),
      { seed: 1 },
    );
  });

  it("passes NaN on", () => {
    expect(op(tensor([NaN])).toArray()).toEqual([NaN]);
  });
});

describe("far from zero", () => {
  it.each([
    ["exp", exp, [0, Infinity]],
    ["tanh", tanh, [-1, 1]],
    ["sigmoid", sigmoid, [0, 1]],
    ["relu", relu, [0, 1000]],
    ["silu", silu, [0, 1000]],
    ["gelu", gelu, [0, 1000]],
  ] as [string, (x: Tensor) => Tensor, number[]][])("%s takes its limits at -1000 and 1000", (_, op, limits) => {
    expect([...op(tensor([-1000, 1000])).data].map((value) => value + 0)).toEqual(limits);
  });

  it("activations have finite gradients there", () => {
    for (const op of [tanh, sigmoid, relu, silu, gelu, (x: Tensor) => gelu(x, { approximate: "tanh" })]) {
      const x = tensor([-1000, -30, 30, 1000], { requiresGrad: true });
      sum(op(x)).backward();
      expect(x.grad?.data.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("log", () => {
  it("is the inverse of exp", () => {
    const points = [0.001, 0.5, 1, 2, 1000];
    expect(distance(exp(log(tensor(points))).data, points)).toBeLessThan(1e-6);
    expect(log(tensor([1])).toArray()).toEqual([0]);
  });

  it("is -Infinity at 0 and NaN below", () => {
    expect(log(tensor([0, -1])).toArray()).toEqual([-Infinity, NaN]);
  });
});

describe("relu", () => {
  it("has gradient 1 above 0, and 0 at 0 and below", () => {
    const x = tensor([-2, 0, 3], { requiresGrad: true });
    sum(relu(x)).backward();
    expect(x.grad?.toArray()).toEqual([0, 0, 1]);
  });
});

describe("gelu", () => {
  it("without options is the exact one, and the approximation is another function", () => {
    const x = tensor([-2, 1, 3]);
    expect(gelu(x).toArray()).toEqual(gelu(x, { approximate: "none" }).toArray());
    expect(gelu(x).toArray()).not.toEqual(gelu(x, { approximate: "tanh" }).toArray());
  });

  it("names an option or value that it does not know", () => {
    expectError(
      () => gelu(zeros([1]), { approximate: "erf" as "none" }),
      ConfigError,
      'gelu: approximate must be "none" or "tanh", got erf',
    );
    expectError(
      () => gelu(zeros([1]), { aproximate: "tanh" } as object),
      ConfigError,
      'gelu: unknown option "aproximate"; known options: approximate',
    );
  });
});
