/** Does the gradient check catch what it should? */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { gradCheck } from "../../src/autograd/check.ts";
import { record } from "../../src/autograd/graph.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, randn, tensor } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

/** x² whose gradient is multiplied by `factor`, at one element only. */
const squareWithError =
  (factor: number) =>
  (x: Tensor): Tensor =>
    record(
      "square",
      x.data.map((value) => value * value),
      x.shape,
      [x],
      (gradOut) => [gradOut.map((g, i) => g * 2 * x.data[i] * (i === 4 ? factor : 1))],
    );

const x = randn([2, 3], new Random(1));

describe("gradCheck", () => {
  it("accepts a right gradient", () => {
    const result = gradCheck(squareWithError(1), [x]);
    expect(result.ok).toBe(true);
    expect(result.maxError).toBeLessThan(1e-4);
  });

  it.each([1.01, 0.99, 0, -1, NaN, Infinity])(
    "rejects one that is wrong by the factor %d at one element, and says where",
    (factor) => {
      const result = gradCheck(squareWithError(factor), [x]);
      expect(result.ok).toBe(false);
      expect(result.worst).toMatchObject({ input: 0, index: 4 });
      expect(result.worst.numeric).toBeCloseTo(2 * x.data[4] * weightAt(4), 2);
    },
  );

  /** The weight that gradCheck gives to an element of the output. */
  function weightAt(index: number): number {
    const random = new Random(0);
    for (let i = 0; i < index; i++) random.normal();
    return random.normal();
  }

  it("rejects a gradient that is missing", () => {
    const [a, b] = [ones([2]), ones([2])];
    const forgetful = (first: Tensor, second: Tensor): Tensor =>
      record(
        "mul",
        first.data.map((value, i) => value * second.data[i]),
        [2],
        [first, second],
        (gradOut) => [gradOut, null],
      );
    const { ok, worst } = gradCheck(forgetful, [a, b]);
    expect([ok, worst.input, worst.analytic]).toEqual([false, 1, 0]);
  });

  it("sees a gradient that goes to the wrong element, which a plain sum would not", () => {
    const reversed = (input: Tensor): Tensor =>
      record("identity", input.data.slice(), input.shape, [input], (gradOut) => [gradOut.slice().reverse()]);
    expect(gradCheck(reversed, [x]).ok).toBe(false);
    expect(gradCheck((input) => sum(reversed(input)), [x]).ok).toBe(true);
  });

  it("leaves inputs and their gradients as they were", () => {
    const input = tensor([1, 2], { requiresGrad: true });
    mul(input, 5).backward(ones([2]));
    gradCheck((y) => mul(y, y), [input]);
    expect(input.toArray()).toEqual([1, 2]);
    expect(input.grad?.toArray()).toEqual([5, 5]);
  });

  it("measures against the tolerance that it is given", () => {
    const slightly = squareWithError(1.01);
    expect(gradCheck(slightly, [x], { tolerance: 0.05 }).ok).toBe(true);
    expect(gradCheck(slightly, [x], { tolerance: 1e-4 }).ok).toBe(false);
    expect(gradCheck(slightly, [x], { seed: 1 }).maxError).not.toBe(gradCheck(slightly, [x], { seed: 2 }).maxError);
  });

  it("names what it cannot use", () => {
    expectError(() => gradCheck((y) => y, []), ConfigError, "gradCheck: needs at least one input");
    expectError(
      () => gradCheck((y) => y, [x], { eps: 1 } as object),
      ConfigError,
      'gradCheck: unknown option "eps"; known options: step, tolerance, seed',
    );
    expectError(
      () => gradCheck((y) => y, [x], { step: 0 }),
      ConfigError,
      /^gradCheck: step must be a number finite and >= /,
    );
    expectError(
      () => gradCheck((y) => y, [x], { tolerance: -1 }),
      ConfigError,
      "gradCheck: tolerance must be a number finite and >= 0, got -1",
    );
  });

  it.each([
    [(y: Tensor) => y, x, "inputs must be a list of tensors such as [a, b], got a tensor [2, 3]"],
    [(y: Tensor) => y, [x, 2], "inputs[1] must be a tensor, got 2; wrap numbers with tensor(…)"],
    [null, [x], "fn must be a function, got null"],
    [
      async (y: Tensor) => y,
      [x],
      "fn must be synchronous, got a promise; await before gradCheck or after it, not inside",
    ],
    [(y: Tensor) => y.size, [x], "the result of fn must be a tensor, got 6; wrap numbers with tensor(…)"],
  ])("names arguments of the wrong kind: %#", (fn, inputs, message) => {
    expectError(() => gradCheck(fn as () => Tensor, inputs as Tensor[]), ConfigError, `gradCheck: ${message}`);
  });
});
