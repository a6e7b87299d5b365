import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cos, exp, log, normalCdf, sin, tanh } from "../../src/backend/math.ts";

/** Distance of `got` from the true value, in units of the float32 spacing around it. */
function ulps(got: number, truth: number): number {
  if (Object.is(got, Math.fround(truth)) || got === truth) return 0;
  const size = Math.max(Math.abs(truth), 2 ** -126);
  const spacing = 2 ** (Math.floor(Math.log2(size)) - 23);
  return Math.abs(got - truth) / spacing;
}

/** Φ in double precision: the Taylor series of erf with enough terms, or a continued fraction of erfc (Abramowitz and Stegun 7.1.6, 7.1.14). */
function normalReference(x: number): number {
  const size = Math.abs(x) / Math.SQRT2;
  if (size > 1.5) {
    let fraction = size;
    for (let i = 200; i >= 1; i--) fraction = size + i / 2 / fraction;
    const tail = Math.exp((-x * x) / 2) / (2 * Math.sqrt(Math.PI) * fraction);
    return x < 0 ? tail : 1 - tail;
  }
  let term = size;
  let sum = size;
  for (let i = 1; i < 60; i++) {
    term *= (2 * size * size) / (2 * i + 1);
    sum += term;
  }
  return 0.5 + (Math.sign(x) * Math.exp((-x * x) / 2) * sum) / Math.sqrt(Math.PI);
}

/** Every `step`-th float32 of a sign-symmetric sweep whose magnitudes run over all exponents from `low` to `high`. */
function* floats(low: number, high: number, perOctave: number): Generator<number> {
  for (let octave = low; octave < high; octave++) {
    for (let i = 0; i < perOctave; i++) {
      const x = Math.fround(2 ** octave * (1 + (i + 0.37) / perOctave));
      yield x;
      yield -x;
    }
  }
}

interface Case {
  name: string;
  f: (x: number) => number;
  truth: (x: number) => number;
  /** Ends of a dense linear sweep. */
  from: number;
  to: number;
  /** Exponents of a sweep over magnitudes. */
  low: number;
  high: number;
  /** Stated bound in float32 ulp. */
  bound: number;
}

const cases: Case[] = [
  { name: "exp", f: exp, truth: Math.exp, from: -105, to: 88.7, low: -30, high: 8, bound: 0.7 },
  {
    name: "log",
    f: (x) => log(Math.abs(x)),
    truth: (x) => Math.log(Math.abs(x)),
    from: 0.01,
    to: 4,
    low: -149,
    high: 128,
    bound: 0.6,
  },
  { name: "tanh", f: tanh, truth: Math.tanh, from: -11, to: 11, low: -126, high: 128, bound: 0.9 },
  { name: "normalCdf", f: normalCdf, truth: normalReference, from: -14, to: 6, low: -100, high: 3, bound: 1.6 },
  { name: "sin", f: sin, truth: Math.sin, from: -100, to: 100, low: -126, high: 19, bound: 0.7 },
  { name: "cos", f: cos, truth: Math.cos, from: -100, to: 100, low: -126, high: 19, bound: 0.7 },
];

/** Worst error over inputs; results that overflow float32 must be Infinity. */
function worst(c: Case, inputs: Iterable<number>): { error: number; at: number } {
  let error = 0;
  let at = 0;
  for (const input of inputs) {
    const x = Math.fround(input);
    const truth = c.truth(x);
    const got = c.f(x);
    const e = Math.fround(truth) === got || Number.isNaN(truth) ? 0 : ulps(got, truth);
    if (!(e <= error)) {
      error = e;
      at = x;
    }
  }
  return { error, at };
}

function* linear(from: number, to: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield from + ((to - from) * i) / (count - 1);
}

describe("elementary functions", () => {
  for (const c of cases) {
    it(`${c.name} is within ${c.bound} ulp over a dense sweep`, () => {
      const { error, at } = worst(c, linear(c.from, c.to, 400_001));
      expect(error, `at ${at}`).toBeLessThanOrEqual(c.bound);
    });

    it(`${c.name} is within ${c.bound} ulp over all magnitudes`, () => {
      const { error, at } = worst(c, floats(c.low, c.high, 800));
      expect(error, `at ${at}`).toBeLessThanOrEqual(c.bound);
    });

    it(`${c.name} is within ${c.bound} ulp at random`, () => {
      fc.assert(
        fc.property(
          fc.float({ min: Math.fround(c.from), max: Math.fround(c.to), noNaN: true }),
          (x) => worst(c, [x]).error <= c.bound,
        ),
        { numRuns: 2000 },
      );
    });

    it(`${c.name} returns float32 values`, () => {
      for (const x of linear(c.from, c.to, 1000)) expect(c.f(Math.fround(x))).toBe(Math.fround(c.f(Math.fround(x))));
    });
  }

  it("holds at the ends of the range", () => {
    expect([exp(0), exp(-Infinity), exp(-104), exp(89), exp(1000), exp(Infinity)]).toEqual([
      1,
      0,
      0,
      Infinity,
      Infinity,
      Infinity,
    ]);
    expect(exp(-103.2)).toBe(2 ** -149); // the smallest subnormal
    expect(exp(88.72283)).toBeLessThan(Infinity);
    expect([log(0), log(-0), log(1), log(Infinity), log(-1), log(-Infinity)]).toEqual([
      -Infinity,
      -Infinity,
      0,
      Infinity,
      NaN,
      NaN,
    ]);
    expect(log(3.4028234663852886e38)).toBe(Math.fround(Math.log(3.4028234663852886e38)));
    expect([tanh(0), tanh(Infinity), tanh(-Infinity), tanh(9.5), tanh(-50)]).toEqual([0, 1, -1, 1, -1]);
    expect([normalCdf(0), normalCdf(Infinity), normalCdf(-Infinity), normalCdf(6), normalCdf(-50)]).toEqual([
      0.5, 1, 0, 1, 0,
    ]);
    expect([sin(0), cos(0), sin(Infinity), cos(-Infinity)]).toEqual([0, 1, NaN, NaN]);
    for (const f of [exp, log, tanh, normalCdf, sin, cos]) expect(f(NaN)).toBeNaN();
  });

  it("keeps sin and cos accurate at far positions", () => {
    for (const c of cases.filter((item) => item.name === "sin" || item.name === "cos")) {
      const { error, at } = worst(c, linear(99_000, 131_072, 300_001));
      expect(error, `${c.name} at ${at}`).toBeLessThanOrEqual(c.bound);
    }
    for (const x of [1e7, 123456789, 3e9, 1e12]) {
      const x32 = Math.fround(x);
      expect(Math.abs(sin(x32) - Math.sin(x32))).toBeLessThan(6e-8 + x * 4e-17);
      expect(Math.abs(cos(x32) - Math.cos(x32))).toBeLessThan(6e-8 + x * 4e-17);
    }
    for (const x of [1e20, -3e38]) expect(Math.abs(sin(x))).toBeLessThanOrEqual(1);
  });

  it("never steps backwards where the true function rises", () => {
    for (const [f, from, to] of [
      [exp, -20, 20],
      [log, 0.1, 10],
      [tanh, -4, 4],
      [normalCdf, -9, 4],
    ] as const) {
      let previous = -Infinity;
      for (const x of linear(from, to, 20_001)) {
        const value = f(Math.fround(x));
        expect(value).toBeGreaterThanOrEqual(previous - 1.2e-7 * Math.abs(value));
        previous = value;
      }
    }
  });
});
