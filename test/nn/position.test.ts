/** Sinusoidal positions against their formula. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { sinusoidalPositions } from "../../src/nn/position.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";

/** The formula of Vaswani et al. 2017, §3.5, in double precision. */
function byFormula(positions: number, dModel: number): number[] {
  return Array.from({ length: positions * dModel }, (_, at) => {
    const [position, column] = [Math.floor(at / dModel), at % dModel];
    const angle = position / 10_000 ** ((2 * Math.floor(column / 2)) / dModel);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

describe("sinusoidalPositions", () => {
  it.each([
    [1, 2, 1e-7],
    [50, 8, 1e-5],
    [64, 128, 1e-5],
    [2048, 64, 1e-4],
  ])("of %d positions and %d columns follow the formula", (positions, dModel, tolerance) => {
    const table = sinusoidalPositions(positions, dModel);
    expect(table.shape).toEqual([positions, dModel]);
    expect(distance(table.data, byFormula(positions, dModel))).toBeLessThan(tolerance); // an angle's rounding grows with the position
  });

  it("begin with sin 0 and cos 0", () => {
    expect(sinusoidalPositions(1, 4).toArray()).toEqual([[0, 1, 0, 1]]);
  });

  it("need an even number of columns", () => {
    expectError(() => sinusoidalPositions(4, 3), ConfigError, "sinusoidalPositions: dModel must be even, got 3");
    expectError(
      () => sinusoidalPositions(-1, 4),
      ConfigError,
      "sinusoidalPositions: positions must be an integer >= 0, got -1",
    );
  });
});
