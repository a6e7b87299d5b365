/** Stored weights on the WebAssembly kernels: every 16-bit float, scales, rounding, threads. Sizes of all kinds are in kernel-cases.ts. */
import { afterAll, describe, expect, it } from "vitest";
import { loops } from "../../../src/backend/loops/loops.ts";
import { hasRelaxedSimd } from "../../../src/backend/wasm/features.ts";
import { createWasm } from "../../../src/backend/wasm/wasm.ts";
import { randomFloats, randomStored } from "../loops/random-data.ts";

const FORMS = ["F16", "BF16", "Q8_0", "Q4_0"].map((name, form) => [name, form] as const);

/** All patterns of 16 bits in order. */
const allBits = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer);

/** Those of finite binary16. */
const finiteHalves = new Uint8Array(
  new Uint16Array(allBits.buffer).filter((bits) => (bits & 0x7c00) !== 0x7c00).buffer,
);

/** Where two arrays first differ, zeros of either sign being equal; -1 if nowhere. */
function firstDifference(a: Float32Array, b: Float32Array): number {
  return a.findIndex((value, i) => value !== b[i] && !Object.is(value, b[i]));
}

describe.each([false, ...(hasRelaxedSimd() ? [true] : [])])("relaxed SIMD: %s", (relaxed) => {
  const wasm = createWasm({ threads: 1, relaxed });
  const { kernels } = wasm;
  afterAll(() => wasm.dispose());

  /** x [m, k] · Wᵀ. */
  function linear(
    own: typeof kernels,
    x: Float32Array,
    weight: Uint8Array,
    form: number,
    m: number,
    n: number,
  ): Float32Array {
    const out = new Float32Array(m * n);
    own.linearStored(out, x, weight, form, m, x.length / m, n, 0, n);
    return out;
  }

  it.each(FORMS.slice(0, 2))("widens every %s to the same bits as the loops", (_, form) => {
    const [out, expected] = [new Float32Array(65_536), new Float32Array(65_536)];
    kernels.widen(out, allBits, form, 256, 0, 256);
    loops.kernels.widen(expected, allBits, form, 256, 0, 256);
    expect(out.findIndex((value, i) => !Object.is(value, expected[i]))).toBe(-1);
  });

  it.each(FORMS.slice(0, 2))("multiplies every %s, if it is finite, at every magnitude of x, exactly", (_, form) => {
    const bits = form === 0 ? finiteHalves : allBits;
    for (const x of [1, -3, 2 ** -100, -(2 ** 100), 0]) {
      const one = Float32Array.of(x);
      expect(
        firstDifference(
          linear(kernels, one, bits, form, 1, bits.length / 2),
          linear(loops.kernels, one, bits, form, 1, bits.length / 2),
        ),
        `x = ${x}`,
      ).toBe(-1);
    }
  });

  it("widens what is not finite wherever it stands among finite F16", () => {
    const k = 77; // two rounds of 32 numbers, and 13 that are taken one by one
    for (const [bits, expected] of [
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
      [0x7e00, NaN],
      [0xfc01, NaN],
    ])
      for (let place = 0; place < k; place++) {
        const weight = randomStored(0, k, 2);
        weight.set([bits & 255, bits >> 8], 2 * place);
        const [out, others] = [new Float32Array(k), new Float32Array(k)];
        kernels.widen(out, weight, 0, k, 0, 1);
        loops.kernels.widen(others, weight, 0, k, 0, 1);
        expect(out[place]).toBe(expected);
        expect(out).toEqual(others);
      }
  });

  it("finds what is not finite wherever it stands in a row of BF16", () => {
    const k = 29;
    const x = randomFloats(k, 1).map((value) => Math.abs(value) + 0.1);
    for (const [bits, expected] of [
      [0x7f80, Infinity],
      [0xff80, -Infinity],
      [0x7fc0, NaN],
    ]) {
      for (let place = 0; place < k; place++) {
        const weight = randomStored(1, 3 * k, 2);
        weight.set([bits & 255, bits >> 8], 2 * (k + place));
        const [before, found, after] = linear(kernels, x, weight, 1, 1, 3);
        expect(found).toBe(expected);
        expect([before, after].every(Number.isFinite)).toBe(true);
      }
    }
  });

  it.each(FORMS.slice(2))("takes every kind of scale as the loops do, %s", (_, form) => {
    const x = randomFloats(160, 1);
    const block = form === 2 ? 34 : 18;
    for (const scale of [0x7c00, 0xfc00, 0x7e00, 0x0001, 0x83ff, 0x7bff, 0]) {
      const weight = randomStored(form, 160, 2);
      for (let i = 0; i < weight.length; i += block) weight.set([scale & 255, scale >> 8], i);
      const out = new Float32Array(160);
      const expected = new Float32Array(160);
      kernels.widen(out, weight, form, 160, 0, 1);
      loops.kernels.widen(expected, weight, form, 160, 0, 1);
      expect(out).toEqual(expected);
      if ((scale & 0x7c00) === 0x7c00) continue; // products want finite ones
      const [[a], [b]] = [linear(kernels, x, weight, form, 1, 1), linear(loops.kernels, x, weight, form, 1, 1)];
      expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-3 * Math.abs(b));
    }
  });

  it.each(FORMS.slice(2))("rounds x by at most 2^-16 of the greatest of its block, %s", (_, form) => {
    const [k, n] = [288, 40];
    const weight = randomStored(form, n * k, 3);
    const wide = new Float32Array(n * k);
    loops.kernels.widen(wide, weight, form, k, 0, n);
    for (const scale of [1e-30, 1, 1e30]) {
      const x = randomFloats(k, 4).map((value, i) => value * scale * 10 ** ((i >> 5) % 3));
      const out = linear(kernels, x, weight, form, 1, n);
      for (let row = 0; row < n; row++) {
        let [exact, bound] = [0, 0];
        for (let i = 0; i < k; i++) {
          const start = i & ~31;
          const greatest = Math.max(...x.subarray(start, start + 32).map(Math.abs));
          exact += x[i] * wide[row * k + i];
          bound += (greatest * 2 ** -16 + Math.abs(x[i]) * 2 ** -20) * Math.abs(wide[row * k + i]);
        }
        expect(Math.abs(out[row] - exact)).toBeLessThanOrEqual(bound);
      }
    }
  });

  it.each(FORMS.slice(2))("reaches the greatest sums of whole numbers without overflow, %s", (_, form) => {
    const x = new Float32Array(128).fill(1);
    const weight = new Uint8Array(form === 2 ? 136 : 72).fill(form === 2 ? 0x80 : 0);
    for (let i = 0; i < weight.length; i += weight.length / 4) weight.set([0x00, 0x3c], i);
    expect([...linear(kernels, x, weight, form, 1, 1)]).toEqual([128 * (form === 2 ? -128 : -8)]);
  });

  it.each(FORMS)("gives NaN for an x that is not a number, and leaves other rows alone, %s", (_, form) => {
    const x = randomFloats(2 * 64, 5);
    x[7] = NaN;
    const out = linear(kernels, x, randomStored(form, 3 * 64, 6), form, 2, 3);
    expect([...out].map(Number.isNaN)).toEqual([true, true, true, false, false, false]);
  });

  it.each(FORMS)("gives a row the same bits whatever other rows there are, %s", (_, form) => {
    const [k, n] = [160, 21];
    const weight = randomStored(form, n * k, 7);
    const x = randomFloats(7 * k, 8);
    const all = linear(kernels, x, weight, form, 7, n);
    for (let m = 1; m < 7; m++)
      expect(linear(kernels, x.subarray(0, m * k), weight, form, m, n)).toEqual(all.subarray(0, m * n));
    expect(linear(kernels, x.subarray(6 * k), weight, form, 1, n)).toEqual(all.subarray(6 * n));
  });
});

it("gives the same bits on any number of threads", async () => {
  const [m, k, n] = [2, 256, 1031];
  const x = randomFloats(m * k, 10);
  const weights = FORMS.map(([, form]) => randomStored(form, n * k, 9));
  const results: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    const wasm = createWasm({ threads, relaxed: false });
    expect((await wasm.ready()).threads).toBe(threads);
    results.push(
      weights.flatMap((weight, form) => {
        const [out, wide] = [new Float32Array(m * n), new Float32Array(n * k)];
        wasm.kernels.linearStored(out, x, weight, form, m, k, n, 0, n);
        wasm.kernels.widen(wide, weight, form, k, 0, n);
        return [out, wide];
      }),
    );
    wasm.dispose();
  }
  for (const other of results.slice(1))
    expect(other.map((array, i) => firstDifference(array, results[0][i]))).toEqual(FORMS.flatMap(() => [-1, -1]));
});
