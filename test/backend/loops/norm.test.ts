import { describe, expect, it } from "vitest";
import {
  layerNorm,
  layerNormBackward,
  layerNormBackwardParameters,
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardParameters,
} from "../../../src/backend/loops/norm.ts";
import { distance, randomFloats } from "./random-data.ts";

const rows = 4;
const cols = 6;
const x = randomFloats(rows * cols, 1).map((value) => 2 * value + 1);
const weight = randomFloats(cols, 2);
const bias = randomFloats(cols, 3);
const gradOut = randomFloats(rows * cols, 4);

/** Σ gradOut · norm(x) by the definition, in double precision, with one number of one argument moved. */
function loss(kind: "layer" | "rms", moved: "x" | "weight" | "bias" | null, index: number, step: number): number {
  const at = (array: Float32Array, name: string, i: number): number =>
    array[i] + (moved === name && index === i ? step : 0);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: cols }, (_, c) => at(x, "x", row * cols + c));
    const mean = kind === "layer" ? values.reduce((sum, value) => sum + value, 0) / cols : 0;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cols;
    values.forEach((value, c) => {
      const normal = (value - mean) / Math.sqrt(variance + 1e-5);
      total +=
        gradOut[row * cols + c] * (normal * at(weight, "weight", c) + (kind === "layer" ? at(bias, "bias", c) : 0));
    });
  }
  return total;
}

/** Central differences of `loss`. */
function numeric(kind: "layer" | "rms", moved: "x" | "weight" | "bias", count: number): number[] {
  return Array.from({ length: count }, (_, i) => (loss(kind, moved, i, 1e-5) - loss(kind, moved, i, -1e-5)) / 2e-5);
}

const mean = new Float32Array(rows);
const rstd = new Float32Array(rows);
const out = new Float32Array(rows * cols);
const gradX = new Float32Array(rows * cols);
const gradWeight = new Float32Array(cols);
const gradBias = new Float32Array(cols);

describe("layerNorm", () => {
  it("follows the definition, with the biased variance", () => {
    layerNorm(out, mean, rstd, x, weight, bias, rows, cols, 1e-5, 0, rows);
    expect(out.reduce((sum, value, i) => sum + value * gradOut[i], 0)).toBeCloseTo(loss("layer", null, 0, 0), 5);
    layerNorm(out, mean, rstd, new Float32Array([1, 3]), new Float32Array([1, 1]), new Float32Array(2), 1, 2, 0, 0, 1);
    expect([...out.subarray(0, 2), mean[0], rstd[0]]).toEqual([-1, 1, 2, 1]);
  });

  it("has the gradients of its finite differences", () => {
    layerNorm(out, mean, rstd, x, weight, bias, rows, cols, 1e-5, 0, rows);
    layerNormBackward(gradX, gradOut, x, weight, mean, rstd, rows, cols, 0, rows);
    layerNormBackwardParameters(gradWeight, gradBias, gradOut, x, mean, rstd, rows, cols, 0, cols);
    expect(distance(gradX, numeric("layer", "x", rows * cols))).toBeLessThan(1e-5);
    expect(distance(gradWeight, numeric("layer", "weight", cols))).toBeLessThan(1e-5);
    expect(distance(gradBias, numeric("layer", "bias", cols))).toBeLessThan(1e-5);
  });

  it("keeps the spread of values far from zero", () => {
    const far = Float32Array.from([10000, 10001, 10002, 10003]);
    layerNorm(out, mean, rstd, far, new Float32Array(4).fill(1), new Float32Array(4), 1, 4, 0, 0, 1);
    expect(rstd[0]).toBeCloseTo(1 / Math.sqrt(1.25), 6);
  });
});

describe("rmsNorm", () => {
  it("follows the definition", () => {
    rmsNorm(out, rstd, x, weight, rows, cols, 1e-5, 0, rows);
    expect(out.reduce((sum, value, i) => sum + value * gradOut[i], 0)).toBeCloseTo(loss("rms", null, 0, 0), 5);
  });

  it("has the gradients of its finite differences", () => {
    rmsNorm(out, rstd, x, weight, rows, cols, 1e-5, 0, rows);
    rmsNormBackward(gradX, gradOut, x, weight, rstd, rows, cols, 0, rows);
    rmsNormBackwardParameters(gradWeight, gradOut, x, rstd, rows, cols, 0, cols);
    expect(distance(gradX, numeric("rms", "x", rows * cols))).toBeLessThan(1e-5);
    expect(distance(gradWeight, numeric("rms", "weight", cols))).toBeLessThan(1e-5);
  });
});
