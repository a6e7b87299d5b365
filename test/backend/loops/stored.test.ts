/** Stored weights on the plain loops, whose results the other backends have to meet. */
import { describe, expect, it } from "vitest";
import { fromHalf, linearStored, storedBytes, widen } from "../../../src/backend/loops/stored.ts";
import { f16Values } from "../../../src/formats/half.ts";
import { distance, randomFloats, randomStored } from "./random-data.ts";

const F16 = 0;
const BF16 = 1;
const Q8 = 2;
const Q4 = 3;

describe("widen", () => {
  it("reads every binary16", () => {
    const values = f16Values();
    for (let bits = 0; bits < values.length; bits++)
      if (!Object.is(fromHalf(bits), values[bits])) expect.fail(`${bits}: ${fromHalf(bits)}, not ${values[bits]}`);
  });

  it("reads rows of each form as they are defined", () => {
    const out = new Float32Array(4);
    widen(out, Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c), F16, 2, 0, 2);
    expect([...out]).toEqual([1, -2, 2 ** -24, Infinity]);
    widen(out, Uint8Array.of(0x80, 0x3f, 0x00, 0xc0, 0x01, 0x00, 0x80, 0xff), BF16, 4, 0, 1);
    expect([...out]).toEqual([1, -2, 2 ** -133, -Infinity]);
  });

  it("multiplies blocks by their scales", () => {
    const block = new Float32Array(32);
    const bytes = Array.from({ length: 32 }, (_, i) => i - 16);
    widen(block, Uint8Array.of(0x00, 0x38, ...bytes), Q8, 32, 0, 1); // 0x3800 is 0.5
    expect([...block]).toEqual(bytes.map((value) => value / 2));
    const halves = Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
    widen(block, Uint8Array.of(0x00, 0xb8, ...halves), Q4, 32, 0, 1);
    expect([...block.subarray(0, 16)]).toEqual(halves.map((_, i) => -0.5 * (i - 8)));
    expect([...block.subarray(16)]).toEqual(halves.map((_, i) => -0.5 * (7 - i)));
  });
});

describe("linearStored", () => {
  it.each([F16, BF16, Q8, Q4])("is the product with the widened weights, form %i", (form) => {
    const [m, k, n] = [3, 64, 5];
    const weight = randomStored(form, n * k, 1);
    expect(weight.length).toBe(storedBytes(form, n * k));
    const [wide, out, expected] = [new Float32Array(n * k), new Float32Array(m * n), new Float32Array(m * n)];
    const x = randomFloats(m * k, 2);
    widen(wide, weight, form, k, 0, n);
    for (let i = 0; i < m * n; i++)
      for (let p = 0; p < k; p++) expected[i] += x[Math.floor(i / n) * k + p] * wide[(i % n) * k + p];
    linearStored(out, x, weight, form, m, k, n, 0, n);
    expect(distance(out, expected)).toBeLessThan(1e-6);
  });
});
