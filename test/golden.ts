/** Golden values: tensors computed by other implementations, and the measure of closeness. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { Tensor } from "../src/tensor/tensor.ts";

/** The tensors of a safetensors file, each with an array of its own. */
export function readGolden(path: string): Map<string, Tensor> {
  const file = readSafetensors(readFileSync(path), { name: path });
  return new Map(
    file.names.map((name) => {
      const { data, shape } = file.tensor(name);
      return [name, new Tensor(data.slice(), shape)];
    }),
  );
}

/** The tensor of a name that must be there. */
export function pick(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const found = tensors.get(name);
  if (found === undefined) throw new Error(`no tensor "${name}" among ${[...tensors.keys()].join(", ")}`);
  return found;
}

/**
 * The greatest |actual - expected| relative to max(1e-3, max |expected|): the measure of every tolerance. Infinite where
 * one side is NaN or an infinity and the other is not the same.
 */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers compared with ${expected.length}`);
  let difference = 0;
  let scale = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    if (!Number.isFinite(actual[i]) || !Number.isFinite(expected[i])) return Infinity;
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return difference / scale;
}

/** Asserts that two tensors have the same shape and lie within a tolerance of each other. With HEED_ERRORS=1 it prints every distance. */
export function expectClose(actual: Tensor, expected: Tensor, tolerance: number, name: string): void {
  expect(actual.shape, `shape of ${name}`).toEqual(expected.shape);
  const error = distance(actual.data, expected.data);
  if (process.env.HEED_ERRORS !== undefined) console.log(`${name}: ${error.toExponential(1)} (allowed ${tolerance})`);
  expect(error, name).toBeLessThanOrEqual(tolerance);
}
