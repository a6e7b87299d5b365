/** Whether something grows in proportion: points of a curve beside the straight line that fits them best. */
import type { Measurement } from "./harness.ts";

/** A point: a length, and what was measured there, which is positive. */
export interface Point {
  at: number;
  value: number;
}

/** value = intercept + slope · at. */
export interface Line {
  intercept: number;
  slope: number;
  /** The greatest distance of a point from the line, as a share of the point's value. */
  worstDeviation: number;
}

/** A curve with its line. */
export interface Curve extends Line {
  name: string;
  /** What the values count. */
  unit: string;
  points: Point[];
}

/**
 * The line with the least sum of squared relative deviations: points far out, whose values are large, weigh no more than the first.
 * At least two points with different places.
 */
export function fitLine(points: readonly Point[]): Line {
  let [weights, ats, values, squares, products] = [0, 0, 0, 0, 0];
  for (const { at, value } of points) {
    const weight = 1 / value ** 2;
    weights += weight;
    ats += weight * at;
    values += weight * value;
    squares += weight * at * at;
    products += weight * at * value;
  }
  const slope = (weights * products - ats * values) / (weights * squares - ats * ats);
  if (!Number.isFinite(slope)) throw new Error("fitLine: needs two points with different places and positive values");
  const intercept = (values - slope * ats) / weights;
  const deviations = points.map(({ at, value }) => Math.abs(value - (intercept + slope * at)) / value);
  return { intercept, slope, worstDeviation: Math.max(...deviations) };
}

/** The curves of which at least three points were measured: a line goes through any two. */
export function collectCurves(cases: readonly Omit<Measurement, "kind">[]): Curve[] {
  const curves = new Map<string, { unit: string; points: Point[] }>();
  for (const { curve, figures, minMs } of cases) {
    if (curve === undefined) continue;
    const { name, at, figure } = curve;
    const value = figure === undefined ? minMs : figures?.[figure];
    if (value === undefined) continue;
    const { unit, points } = curves.get(name) ?? { unit: figure ?? "ms", points: [] };
    curves.set(name, { unit, points: [...points, { at, value }] });
  }
  return [...curves]
    .filter(([, { points }]) => points.length > 2)
    .map(([name, { unit, points }]) => ({ name, unit, points, ...fitLine(points) }));
}
