/** The loss, against its formula in double precision. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { randn, tensor, zeros } from "../../src/tensor/create.ts";
import { reshape } from "../../src/ops/layout.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { length } from "../random-cases.ts";

/** The loss and its gradient by the formula. */
function byFormula(
  logits: Tensor,
  targets: number[],
  smoothing: number,
  ignored: number,
): { loss: number; gradient: number[] } {
  const [rows, cols] = logits.shape;
  const counted = targets.filter((target) => target !== ignored).length;
  let loss = 0;
  const gradient: number[] = [];
  for (let row = 0; row < rows; row++) {
    const powers = [...logits.data.subarray(row * cols, (row + 1) * cols)].map(Math.exp);
    const probs = powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
    probs.forEach((prob, col) => {
      if (targets[row] === ignored) return void gradient.push(0);
      const wanted = (col === targets[row] ? 1 - smoothing : 0) + smoothing / cols;
      loss -= (wanted * Math.log(prob)) / counted;
      gradient.push((prob - wanted) / counted);
    });
  }
  return { loss, gradient };
}

describe("crossEntropy", () => {
  it("and its gradient equal the formula, with smoothing and ignored rows", () => {
    fc.assert(
      fc.property(
        length(6),
        length(9, 2),
        fc.constantFrom(0, 0.1, 0.5, 1),
        fc.nat(),
        (rows, cols, labelSmoothing, seed) => {
          const random = new Random(seed);
          const logits = randn([rows, cols], random, { requiresGrad: true });
          const targets = Array.from({ length: rows }, (_, row) =>
            row > 0 && random.uniform() < 0.3 ? -100 : random.integer(cols),
          );
          const loss = crossEntropy(logits, targets, { labelSmoothing });
          loss.backward();
          const expected = byFormula(logits, targets, labelSmoothing, -100);
          expect(loss.shape).toEqual([]);
          expect(distance(loss.data, [expected.loss])).toBeLessThan(2e-6);
          expect(distance(logits.grad?.data ?? [], expected.gradient)).toBeLessThan(5e-6);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("of equal scores is ln vocabSize", () => {
    expect(crossEntropy(zeros([3, 8]), [0, 5, 7]).item()).toBeCloseTo(Math.log(8), 6);
  });

  it("is 0 for certainty and large for certainty in the wrong, never infinite", () => {
    expect(crossEntropy(tensor([[1000, 0]]), [0]).item()).toBe(0);
    expect(crossEntropy(tensor([[1000, 0]]), [1]).item()).toBe(1000);
  });

  it("takes targets of any arrangement, one for each row", () => {
    const logits = randn([2, 3, 4], new Random(1));
    const flat = [0, 1, 2, 3, 0, 1];
    const loss = crossEntropy(logits, flat).item();
    expect(
      crossEntropy(logits, [
        [0, 1, 2],
        [3, 0, 1],
      ]).item(),
    ).toBe(loss);
    expect(
      crossEntropy(
        logits,
        tensor([
          [0, 1, 2],
          [3, 0, 1],
        ]),
      ).item(),
    ).toBe(loss);
    expect(crossEntropy(logits, Int32Array.from(flat)).item()).toBe(loss);
    expect(crossEntropy(reshape(logits, [6, 4]), flat).item()).toBe(loss);
  });

  it("ignores rows of the ignored id, which may be a real one", () => {
    const logits = randn([3, 4], new Random(2), { requiresGrad: true });
    const loss = crossEntropy(logits, [1, 0, 2], { ignoreIndex: 0 });
    expect(loss.item()).toBe(crossEntropy(logits, [1, -100, 2]).item());
    loss.backward();
    expect([...(logits.grad as Tensor).data.subarray(4, 8)]).toEqual([0, 0, 0, 0]);
  });

  it("scales its gradient by gradOut", () => {
    const logits = randn([2, 4], new Random(3), { requiresGrad: true });
    crossEntropy(logits, [1, 3]).backward();
    const once = [...(logits.grad as Tensor).data];
    logits.grad = null;
    crossEntropy(logits, [1, 3]).backward(tensor(2));
    expect([...(logits.grad as unknown as Tensor).data]).toEqual(once.map((value) => 2 * value));
  });

  it("names targets that do not fit the logits", () => {
    expectError(
      () => crossEntropy(zeros([2, 3]), [0]),
      ShapeError,
      "crossEntropy: needs one target for each row: logits are [2, 3], targets [1]",
    );
    expectError(
      () => crossEntropy(zeros([2, 3]), [0, 3]),
      ShapeError,
      "crossEntropy: targets must be whole numbers from 0 to 2, got 3 at position 1",
    );
    expectError(
      () => crossEntropy(zeros([2, 3]), [0, -1]),
      ShapeError,
      "crossEntropy: targets must be whole numbers from 0 to 2, got -1 at position 1",
    );
    expectError(() => crossEntropy(zeros([]), [0]), ShapeError, /^crossEntropy: /);
  });

  it("has no mean of nothing", () => {
    expectError(
      () => crossEntropy(zeros([2, 3]), [-100, -100]),
      ConfigError,
      "crossEntropy: no target counts: all 2 are -100 (ignoreIndex)",
    );
    expectError(
      () => crossEntropy(zeros([0, 3]), []),
      ConfigError,
      "crossEntropy: no target counts: all 0 are -100 (ignoreIndex)",
    );
  });

  it("names an option that it does not know or that is out of range", () => {
    const run = (options: object) => () => crossEntropy(zeros([1, 2]), [0], options);
    expectError(
      run({ label_smoothing: 0 }),
      ConfigError,
      'crossEntropy: unknown option "label_smoothing"; known options: ignoreIndex, labelSmoothing',
    );
    expectError(
      run({ labelSmoothing: 1.5 }),
      ConfigError,
      "crossEntropy: labelSmoothing must be a number from 0 to 1, got 1.5",
    );
    expectError(
      run({ labelSmoothing: -0.1 }),
      ConfigError,
      "crossEntropy: labelSmoothing must be a number from 0 to 1, got -0.1",
    );
    expectError(
      run({ ignoreIndex: 0.5 }),
      ConfigError,
      /^crossEntropy: ignoreIndex must be an integer from -2147483648 to 2147483647, got 0.5$/,
    );
  });
});
