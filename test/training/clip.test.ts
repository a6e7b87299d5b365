/** The norm of all gradients together, and the factor that keeps it in bounds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Parameter } from "../../src/nn/module.ts";
import { Random } from "../../src/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { clipFactor, gradientNorm } from "../../src/training/clip.ts";

function withGradient(...gradient: number[]): Parameter {
  const parameter = new Parameter(new Float32Array(gradient.length), [gradient.length]);
  parameter.grad = new Tensor(Float32Array.from(gradient), [gradient.length]);
  return parameter;
}

describe("gradientNorm", () => {
  it("is the length of all gradients as one vector; a parameter without one counts as 0", () => {
    const without = new Parameter(new Float32Array(3), [3]);
    expect(gradientNorm([withGradient(1, 2), without, withGradient(-2, 4)])).toBe(5);
    expect(gradientNorm([without])).toBe(0);
    expect(gradientNorm([])).toBe(0);
  });

  it("takes the Map that a model gives and an optimiser takes", () => {
    const parameters = new Map([
      ["a", withGradient(3)],
      ["b", withGradient(4)],
    ]);
    expect(gradientNorm(parameters)).toBe(5);
    expect(gradientNorm(parameters.values())).toBe(5);
  });

  it("holds for long gradients, and sees what is not finite", () => {
    const random = new Random(1);
    const numbers = Array.from({ length: 50_000 }, () => random.normal());
    const expected = Math.sqrt(numbers.reduce((sum, each) => sum + Math.fround(each) ** 2, 0));
    expect(Math.abs(gradientNorm([withGradient(...numbers)]) / expected - 1)).toBeLessThan(1e-6);
    expect(gradientNorm([withGradient(NaN)])).toBeNaN();
    expect(gradientNorm([withGradient(1), withGradient(Infinity)])).toBe(Infinity);
  });
});

describe("clipFactor", () => {
  it("brings larger norms down to the greatest one and leaves smaller ones alone", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (norm, maxNorm) => {
          const factor = clipFactor(norm, maxNorm);
          expect(factor).toBeLessThanOrEqual(1);
          expect(norm * factor).toBeLessThanOrEqual(maxNorm);
          if (norm <= maxNorm - 1e-6) expect(factor).toBe(1);
          else expect(norm * factor).toBeGreaterThan(maxNorm * 0.99 - 2e-6);
        },
      ),
    );
  });

  it("is 1 without a limit", () => {
    expect(clipFactor(1e30, 0)).toBe(1);
  });
});
