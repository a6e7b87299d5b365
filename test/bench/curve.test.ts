/** Straight lines through measured points. */
import { describe, expect, it } from "vitest";
import { fitLine } from "../../bench/curve.ts";
import type { Point } from "../../bench/curve.ts";

const LENGTHS = [512, 1024, 2048, 4096, 8192];
const pointsOf = (value: (at: number) => number): Point[] => LENGTHS.map((at) => ({ at, value: value(at) }));

describe("a fitted line", () => {
  it("is the line that the points lie on", () => {
    const { intercept, slope, worstDeviation } = fitLine(pointsOf((at) => 3 + at / 256));
    expect(intercept).toBeCloseTo(3, 9);
    expect(slope).toBeCloseTo(1 / 256, 12);
    expect(worstDeviation).toBeLessThan(1e-12);
  });

  it("shows that a square is no line, however small its share of the first points", () => {
    expect(fitLine(pointsOf((at) => at ** 2)).worstDeviation).toBeGreaterThan(0.5);
    expect(fitLine(pointsOf((at) => at + at ** 2 / 8192)).worstDeviation).toBeGreaterThan(0.1);
  });

  it("does not let the largest values hide a deviation of the smallest", () => {
    const points = pointsOf((at) => (at === 512 ? 2 * at : at));
    const { worstDeviation } = fitLine(points);
    expect(worstDeviation).toBeGreaterThan(0.2);
    expect(worstDeviation).toBeLessThan(0.5); // shared with its neighbours
  });

  it("refuses points that no line goes through", () => {
    expect(() => fitLine([])).toThrow("two points");
    expect(() => fitLine([{ at: 1, value: 1 }])).toThrow("two points");
    expect(() => fitLine(LENGTHS.map(() => ({ at: 1, value: 1 })))).toThrow("two points");
    expect(() => fitLine(pointsOf(() => 0))).toThrow("positive");
  });
});
