/** Golden values: tensors computed by other implementations, and the measure of closeness. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { Tensor } from "../src/tensor/tensor.ts";

/** Reads a safetensors file; F32 and I64 are all that the golden files hold. */
export function readGolden(path: string): Map<string, Tensor> {
  const file = readFileSync(path);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, headerEnd)) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const bytes = file.buffer.slice(file.byteOffset + headerEnd + start, file.byteOffset + headerEnd + end) as ArrayBuffer;
    if (dtype !== "F32" && dtype !== "I64") throw new Error(`${path}: ${name} is ${dtype}`);
    const data = dtype === "F32" ? new Float32Array(bytes) : Float32Array.from(new BigInt64Array(bytes), Number);
    tensors.set(name, new Tensor(data, shape));
  }
  return tensors;
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

/** Asserts that two tensors have the same shape and lie within a tolerance of each other. */
export function expectClose(actual: Tensor, expected: Tensor, tolerance: number, name: string): void {
  expect(actual.shape, `shape of ${name}`).toEqual(expected.shape);
  const error = distance(actual.data, expected.data);
  if (process.env.HEED_ERRORS !== undefined) console.log(`${name}: ${error.toExponential(1)} (allowed ${tolerance})`);
  expect(error, name).toBeLessThanOrEqual(tolerance);
}
