/** Which types parameters take in files, and what their bytes are. */
import { describe, expect, it } from "vitest";
import { dequantize, quantize } from "../../src/formats/quantized/blocks.ts";
import { bytesOf } from "../../src/formats/parts.ts";
import { ggufTypes, plainTypes, savedValues } from "../../src/formats/saved-values.ts";
import type { Parameters } from "../../src/formats/saved-values.ts";
import type { WeightType } from "../../src/formats/weights.ts";
import { Random } from "../../src/random.ts";
import { StoredMatrix } from "../../src/tensor/stored.ts";
import type { StoredType } from "../../src/tensor/stored.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const random = new Random(5);
const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
const blockBytes = { f16: 2, bf16: 2, q8_0: 34 / 32, q4_0: 18 / 32 };

function stored(type: StoredType, rows: number, cols: number): Tensor {
  const bytes = new Uint8Array(rows * cols * blockBytes[type]);
  quantize(type.toUpperCase() as "F16", floats(rows * cols), bytes);
  return Tensor.ofStored(new StoredMatrix(type, [rows, cols], bytes));
}

const plain = (...shape: number[]): Tensor =>
  new Tensor(floats(shape.reduce((product, axis) => product * axis, 1)), shape);
/** Numbers that a bfloat16 holds. */
const coarse = (...shape: number[]): Tensor => {
  const { data } = plain(...shape);
  return new Tensor(
    data.map((value) => Math.round(value * 16) / 16),
    shape,
  );
};
const typesOf = (parameters: Parameters, typeOf: (name: string, parameter: Tensor) => WeightType): WeightType[] =>
  [...parameters].map(([name, parameter]) => typeOf(name, parameter));

const model = (matrix: Tensor, other: Tensor, positions = coarse(4, 32)): Parameters =>
  new Map([
    ["blocks.0.attention.qProj.weight", matrix],
    ["finalNorm.weight", other],
    ["positionEmbedding.weight", positions],
  ]);

describe("plainTypes", () => {
  it("keeps what is held, and has the type of the matrices where that is exact", () => {
    const types = (parameters: Parameters): WeightType[] => typesOf(parameters, plainTypes(parameters, undefined));
    expect(types(model(plain(2, 32), plain(3)))).toEqual(["f32", "f32", "f32"]);
    expect(types(model(stored("bf16", 2, 32), coarse(3)))).toEqual(["bf16", "bf16", "bf16"]);
    expect(types(model(stored("bf16", 2, 32), plain(3)))).toEqual(["bf16", "f32", "f32"]);
    expect(types(model(stored("f16", 2, 32), coarse(3), plain(4, 32)))).toEqual(["f16", "f32", "f32"]);
    expect(types(model(stored("q8_0", 2, 32), coarse(3)))).toEqual(["f32", "f32", "f32"]);
    const mixed = new Map([...model(stored("f16", 2, 32), coarse(3)), ["lmHead.weight", stored("q4_0", 2, 32)]]);
    expect(types(mixed)).toEqual(["f16", "f32", "f32", "f32"]);
  });

  it("makes everything what is asked for", () => {
    const parameters = model(stored("q8_0", 2, 32), plain(3));
    expect(typesOf(parameters, plainTypes(parameters, "f16"))).toEqual(["f16", "f16", "f16"]);
  });
});

describe("ggufTypes", () => {
  it("has matrices as held or asked for, and all others as 32-bit floats", () => {
    const types = (matrix: Tensor, asked?: WeightType): WeightType[] =>
      typesOf(model(matrix, coarse(3)), ggufTypes(asked)).slice();
    expect(types(stored("q4_0", 2, 32))).toEqual(["q4_0", "f32", "f32"]);
    expect(types(stored("bf16", 2, 33))).toEqual(["bf16", "f32", "f32"]);
    expect(types(plain(2, 64), "q8_0")).toEqual(["q8_0", "f32", "f32"]);
    expect(types(plain(2, 48), "q8_0")).toEqual(["f16", "f32", "f32"]);
    expect(types(plain(2, 48), "q4_0")).toEqual(["f16", "f32", "f32"]);
  });
});

describe("savedValues", () => {
  const value = (parameter: Tensor, type: WeightType) => savedValues(new Map([["x", parameter]]), () => type).get("x");

  it.each<StoredType>(["f16", "bf16", "q8_0", "q4_0"])("gives %s as it is stored, without a copy", (type) => {
    const parameter = stored(type, 3, 32);
    const found = value(parameter, type);
    expect(found?.dtype).toBe(type.toUpperCase());
    expect(found?.data.buffer).toBe(parameter.stored?.bytes.buffer);
    expect(bytesOf(found?.data as Uint8Array)).toEqual(parameter.stored?.bytes);
  });

  it("gives stored 16-bit floats as numbers, at odd addresses too", () => {
    const bytes = new Uint8Array(9).fill(0x3c).subarray(1);
    const found = value(Tensor.ofStored(new StoredMatrix("f16", [2, 2], bytes)), "f16");
    expect(found?.data).toEqual(Uint16Array.of(0x3c3c, 0x3c3c, 0x3c3c, 0x3c3c));
  });

  it("converts the others", () => {
    const parameter = stored("q8_0", 3, 32);
    expect(value(parameter, "f32")?.data).toEqual(parameter.data);
    const again = new Float32Array(96);
    dequantize("Q4_0", value(parameter, "q4_0")?.data as Uint8Array, again);
    again.forEach((number, i) => expect(Math.abs(number - parameter.data[i])).toBeLessThan(0.6));
    const wide = plain(5);
    expect(value(wide, "f32")?.data).toBe(wide.data);
    expect(value(wide, "bf16")?.data.length).toBe(5);
  });
});
