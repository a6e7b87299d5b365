import { describe, expect, it } from "vitest";
import type { Kernels, UnaryBackwardKernel, UnaryKernel } from "../../../src/backend/backend.ts";
import { loops } from "../../../src/backend/loops/loops.ts";
import { createWasm } from "../../../src/backend/wasm/wasm.ts";

const { kernels } = createWasm({ threads: 1, relaxed: false });

/** Distance of `got` from the true value, in units of the float32 spacing around it. */
function ulps(got: number, truth: number): number {
  if (got === truth || got === Math.fround(truth) || (Number.isNaN(got) && Number.isNaN(truth))) return 0;
  const size = Math.max(Math.abs(truth), 2 ** -126);
  return Math.abs(got - truth) / 2 ** (Math.floor(Math.log2(size)) - 23);
}

/** Φ, the normal distribution, in double precision: Simpson's rule for its density, over steps of at most 1/32. */
function normal(x: number): number {
  const density = (t: number): number => Math.exp(-0.5 * t * t) / Math.sqrt(2 * Math.PI);
  const steps = 2 * Math.ceil(16 * Math.abs(x) + 1);
  const step = x / steps;
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * density(i * step);
  return 0.5 + (sum * step) / 3;
}

/** The greatest error of results for inputs x, and where it is. */
function worst(
  x: Float32Array,
  results: Float32Array,
  errorOf: (got: number, x: number) => number,
): { error: number; at: number } {
  let error = 0;
  let at = 0;
  results.forEach((got, i) => {
    const here = errorOf(got, x[i]);
    if (here <= error) return;
    error = here;
    at = x[i];
  });
  return { error, at };
}

function run(kernel: UnaryKernel, x: Float32Array): Float32Array {
  const out = new Float32Array(x.length);
  kernel(out, x, 0, x.length);
  return out;
}

function linear(from: number, to: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** Numbers of either sign over all exponents from `low` to `high`. */
function magnitudes(low: number, high: number, perOctave: number): Float32Array {
  return Float32Array.from({ length: (high - low) * perOctave * 2 }, (_, i) => {
    const place = (i >> 1) / perOctave;
    const octave = Math.floor(place);
    return (i & 1 ? -1 : 1) * 2 ** (low + octave) * (1 + place - octave + 0.37 / perOctave);
  });
}

const positive = (x: Float32Array): Float32Array => x.map(Math.abs);

interface Case {
  name: "exp" | "log" | "tanh" | "sin" | "cos";
  truth: (x: number) => number;
  inputs: Float32Array[];
  /** Stated bound in float32 ulp. */
  bound: number;
}

// prettier-ignore
const cases: Case[] = [
  { name: "exp", truth: Math.exp, inputs: [linear(-105, 88.7, 400_001), linear(-1, 1, 100_001), magnitudes(-149, 6, 400)], bound: 1.1 },
  { name: "log", truth: Math.log, inputs: [linear(0.01, 4, 400_001), positive(magnitudes(-149, 128, 800))], bound: 1 },
  { name: "tanh", truth: Math.tanh, inputs: [linear(-11, 11, 400_001), magnitudes(-126, 128, 800)], bound: 2.5 },
  { name: "sin", truth: Math.sin, inputs: [linear(-100, 100, 400_001), linear(99_000, 131_072, 200_001), magnitudes(-126, 19, 800)], bound: 1.7 },
  { name: "cos", truth: Math.cos, inputs: [linear(-100, 100, 400_001), linear(99_000, 131_072, 200_001), magnitudes(-126, 19, 800)], bound: 1.7 },
];

describe("elementary functions on vector lanes", () => {
  for (const { name, truth, inputs, bound } of cases) {
    it(`${name} is within ${bound} ulp`, () => {
      for (const x of inputs) {
        const { error, at } = worst(x, run(kernels[name], x), (got, value) => ulps(got, truth(value)));
        expect(error, `at ${at}`).toBeLessThanOrEqual(bound);
      }
    });

    it(`${name} gives every number the same result wherever it stands`, () => {
      const x = Float32Array.of(0.3, -2, NaN, 1e30, 1e-40, 7, -Infinity, 0.7, 100);
      const together = run(kernels[name], x);
      x.forEach((value, i) => expect(run(kernels[name], Float32Array.of(value))[0]).toBe(together[i]));
    });
  }

  it("holds at the ends of the range", () => {
    const at = (name: Case["name"], ...x: number[]): number[] => [...run(kernels[name], Float32Array.from(x))];
    expect(at("exp", 0, -0, -Infinity, -104, 89, 1000, -3e38, Infinity)).toEqual([
      1,
      1,
      0,
      0,
      Infinity,
      Infinity,
      0,
      Infinity,
    ]);
    expect(at("exp", -103.2)).toEqual([2 ** -149]); // the smallest subnormal
    expect(at("exp", 88.72283)[0]).toBeLessThan(Infinity);
    expect(at("log", 0, -0, 1, Infinity, -1, -1e-45, -Infinity)).toEqual([
      -Infinity,
      -Infinity,
      0,
      Infinity,
      NaN,
      NaN,
      NaN,
    ]);
    expect(at("log", 2 ** -149)[0]).toBeCloseTo(-149 * Math.LN2, 5);
    expect(at("log", 3.4028234663852886e38)).toEqual([Math.fround(Math.log(3.4028234663852886e38))]);
    expect(at("tanh", 0, -0, Infinity, -Infinity, 9.5, -50, 1e-45)).toEqual([0, -0, 1, -1, 1, -1, 2 ** -149]);
    expect(at("sin", 0, Infinity, -Infinity, 1e-45)).toEqual([0, NaN, NaN, 2 ** -149]);
    expect(at("cos", 0, -0, Infinity, -Infinity)).toEqual([1, 1, NaN, NaN]);
    for (const { name } of cases) expect(at(name, NaN, NaN, NaN, NaN, NaN)).toEqual([NaN, NaN, NaN, NaN, NaN]);
  });

  it("reduces far angles as the plain loops do", () => {
    const x = magnitudes(19, 127, 40);
    for (const name of ["sin", "cos"] as const) {
      const expected = run(loops.kernels[name], x);
      const bad = run(kernels[name], x).findIndex(
        (got, i) => !(ulps(got, expected[i]) <= 2 || Math.abs(got - expected[i]) < 1e-9),
      );
      expect(bad, `${name} of ${x[bad]}`).toBe(-1);
    }
    for (const far of [1e7, 123456789, 3e9, 1e12]) {
      const angle = Math.fround(far);
      const [got] = run(kernels.sin, Float32Array.of(angle));
      expect(Math.abs(got - Math.sin(angle))).toBeLessThan(1e-7 + far * 4e-17);
    }
  });
});

/** Gates y = x σ(v): what they are, and their slope. */
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const tanhGate = (x: number): number => Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
const gates = [
  {
    name: "gelu",
    truth: (x: number) => x * normal(x),
    slope: (x: number) => normal(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  },
  {
    name: "geluTanh",
    truth: (x: number) => 0.5 * x * (1 + tanhGate(x)),
    slope: (x: number) =>
      0.5 * (1 + tanhGate(x) + x * (1 - tanhGate(x) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x)),
  },
  {
    name: "silu",
    truth: (x: number) => x * sigmoid(x),
    slope: (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
] as const;

describe("gated activations on vector lanes", () => {
  const x = linear(-12, 12, 40_001);
  const slopes = (kernel: UnaryBackwardKernel, at: Float32Array): Float32Array => {
    const gradX = new Float32Array(at.length);
    kernel(gradX, new Float32Array(at.length).fill(1), at, 0, at.length);
    return gradX;
  };

  for (const { name, truth, slope } of gates) {
    it(`${name} is within 1.5e-7 and 2e-7 relative to the result`, () => {
      const { error, at } = worst(x, run(kernels[name], x), (got, value) => {
        return Math.abs(got - truth(value)) / (1.5e-7 + 2e-7 * Math.abs(truth(value)));
      });
      expect(error, `at ${at}`).toBeLessThan(1);
    });

    it(`${name}Backward is within 7e-7`, () => {
      const { error, at } = worst(x, slopes(kernels[`${name}Backward`], x), (got, value) =>
        Math.abs(got - slope(value)),
      );
      expect(error, `at ${at}`).toBeLessThan(7e-7);
    });

    it(`${name} and its slope are those of the plain loops at every single place`, () => {
      for (const [tolerance, compute] of [
        [1e-5, (from: Kernels) => run(from[name], x)],
        [1e-4, (from: Kernels) => slopes(from[`${name}Backward`], x)],
      ] as const) {
        const [got, expected] = [compute(kernels), compute(loops.kernels)];
        const allowed = (i: number): number => tolerance * Math.max(1e-3, Math.abs(expected[i]));
        const bad = got.findIndex((value, i) => !(Math.abs(value - expected[i]) <= allowed(i)));
        expect(bad, `${got[bad]}, not ${expected[bad]}, at ${x[bad]}`).toBe(-1);
      }
    });

    it(`${name} is settled far out`, () => {
      const far = Float32Array.of(200, 1e5, 1e19, 3e38, -200, -1e5, -1e19, -3e38);
      expect([...run(kernels[name], far)].map((y) => y + 0)).toEqual([...far.subarray(0, 4), 0, 0, 0, 0]);
      expect([...slopes(kernels[`${name}Backward`], far)].map((y) => y + 0)).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
      const special = Float32Array.of(NaN, Infinity, -Infinity, 0);
      expect([...run(kernels[name], special)]).toEqual([...run(loops.kernels[name], special)]);
      expect([...slopes(kernels[`${name}Backward`], special)]).toEqual([
        ...slopes(loops.kernels[`${name}Backward`], special),
      ]);
    });
  }
});
