/** Seeded chance: reproducible, resumable, and distributed as promised. Seeds are fixed, so every bound either always holds or never. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../src/errors.ts";
import { Random } from "../src/random.ts";
import type { RandomState } from "../src/random.ts";
import { expectError } from "./expect-error.ts";

const draw = <T>(count: number, fn: () => T): T[] => Array.from({ length: count }, fn);
const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Σ (observed - expected)² / expected. With n classes, its mean is n - 1 and its variance 2 (n - 1). */
function chiSquared(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((total, count, i) => total + (count - expected[i]) ** 2 / expected[i], 0);
}

/** A bound that a true hypothesis exceeds about once in 30,000 times. */
const chiBound = (classes: number): number => classes - 1 + 4 * Math.sqrt(2 * (classes - 1)) + 8;

function countOf(values: readonly number[], classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (const value of values) counts[value]++;
  return counts;
}

describe("a seed", () => {
  it("gives the same numbers for ever", () => {
    const random = new Random(7);
    expect(draw(3, () => random.uint32())).toEqual([3069104647, 3582417929, 1446471690]);
    expect(draw(3, () => random.normal()).map((value) => value.toFixed(6))).toEqual([
      "-0.389385",
      "0.735091",
      "-0.779548",
    ]);
  });

  it("gives other numbers than any other seed", () => {
    const seeds = [
      0,
      1,
      -1,
      2,
      2 ** 32,
      2 ** 32 + 1,
      -(2 ** 32),
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      ...draw(
        200,
        (
          (i = 3) =>
          () =>
            i++
        )(),
      ),
    ];
    const starts = seeds.map((seed) => {
      const random = new Random(seed);
      return draw(4, () => random.uint32()).join();
    });
    expect(new Set(starts).size).toBe(seeds.length);
  });

  it("of neighbours gives unrelated numbers", () => {
    const firsts = draw(
      2000,
      (
        (i = 0) =>
        () =>
          new Random(i++).uniform()
      )(),
    );
    const products = firsts.slice(1).map((value, i) => (value - 0.5) * (firsts[i] - 0.5));
    expect(Math.abs(average(firsts) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 2000));
    expect(Math.abs(average(products))).toBeLessThan((4 * (1 / 12)) / Math.sqrt(2000));
  });

  it.each([1.5, NaN, Infinity, 2 ** 53, -(2 ** 53)])("of %d is refused", (seed) => {
    expectError(() => new Random(seed), ConfigError, `Random: seed must be a safe integer, got ${seed}`);
  });

  it.each([
    [undefined, "undefined"],
    ["7", "7"],
    [[1, 2, 3], "1,2,3"],
    [[1, 2, 3, 0.5], "1,2,3,0.5"],
    [null, "null"],
  ])("of %j is refused", (seed, shown) => {
    expectError(
      () => new Random(seed as unknown as number),
      ConfigError,
      `Random: needs a seed or a state of four integers, got ${shown}`,
    );
  });
});

describe("a state", () => {
  it("continues where it was taken, wherever that is", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(50), (seed, skip) => {
        const random = new Random(seed);
        draw(skip, () => random.normal());
        const state = JSON.parse(JSON.stringify(random.state())) as RandomState;
        const resumed = new Random(state);
        expect(draw(20, () => resumed.uint32())).toEqual(draw(20, () => random.uint32()));
        expect(resumed.state()).toEqual(random.state());
      }),
      { seed: 1 },
    );
  });

  it("is not disturbed by looking at it", () => {
    const [a, b] = [new Random(1), new Random(1)];
    a.state();
    expect(a.uint32()).toBe(b.uint32());
  });
});

describe("uint32", () => {
  it("sets every bit half of the time", () => {
    const random = new Random(1);
    const values = draw(20_000, () => random.uint32());
    for (let bit = 0; bit < 32; bit++) {
      const share = average(values.map((value) => (value >>> bit) & 1));
      expect(Math.abs(share - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 20_000));
    }
  });
});

describe("uniform", () => {
  it("fills [0, 1) evenly", () => {
    const random = new Random(2);
    const values = draw(100_000, () => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(
      chiSquared(
        countOf(
          values.map((value) => Math.floor(value * 100)),
          100,
        ),
        Array(100).fill(1000),
      ),
    ).toBeLessThan(chiBound(100));
  });

  it("does not remember the draw before", () => {
    const random = new Random(3);
    const pairs = draw(50_000, () => 10 * Math.floor(random.uniform() * 10) + Math.floor(random.uniform() * 10));
    expect(chiSquared(countOf(pairs, 100), Array(100).fill(500))).toBeLessThan(chiBound(100));
  });
});

describe("integer", () => {
  it.each([1, 2, 3, 7, 100])("draws each of %d numbers equally often", (n) => {
    const random = new Random(4);
    const values = draw(1000 * n, () => random.integer(n));
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < n)).toBe(true);
    expect(chiSquared(countOf(values, n), Array(n).fill(1000))).toBeLessThan(chiBound(n));
  });

  it("is not biased where 2^32 is no multiple of n", () => {
    const [random, n] = [new Random(5), 3 * 2 ** 30];
    const low = draw(30_000, () => random.integer(n)).filter((value) => value < 2 ** 30).length;
    expect(Math.abs(low - 10_000)).toBeLessThan(4 * Math.sqrt(30_000 * (1 / 3) * (2 / 3))); // a plain remainder would give 15,000
  });

  it.each([0, -1, 1.5, NaN, 2 ** 32 + 1])("refuses n = %d", (n) => {
    expectError(
      () => new Random(1).integer(n),
      ConfigError,
      `Random.integer: n must be an integer from 1 to 2^32, got ${n}`,
    );
  });
});

describe("normal", () => {
  const random = new Random(6);
  const values = draw(200_000, () => random.normal());

  it("has the moments of the standard normal distribution", () => {
    const moment = (power: number): number => average(values.map((value) => value ** power));
    const bound = (variance: number): number => 4 * Math.sqrt(variance / values.length);
    expect(Math.abs(moment(1))).toBeLessThan(bound(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(bound(2));
    expect(Math.abs(moment(3))).toBeLessThan(bound(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(bound(96));
  });

  it("falls between the known quantiles as often as it should", () => {
    const edges = [-1.2815516, -0.8416212, -0.5244005, -0.2533471, 0, 0.2533471, 0.5244005, 0.8416212, 1.2815516]; // deciles
    const deciles = values.map((value) => edges.filter((edge) => value >= edge).length);
    expect(chiSquared(countOf(deciles, 10), Array(10).fill(values.length / 10))).toBeLessThan(chiBound(10));
    const beyond3 = values.filter((value) => Math.abs(value) > 3).length; // 0.26998 %
    expect(Math.abs(beyond3 - 540)).toBeLessThan(4 * Math.sqrt(540));
  });
});

describe("categorical", () => {
  it("draws in proportion to the weights, and never a weight of 0", () => {
    const random = new Random(7);
    const weights = [1, 0, 3, 0.5, 5.5, 0];
    const counts = countOf(
      draw(50_000, () => random.categorical(weights)),
      6,
    );
    const drawn = [0, 2, 3, 4];
    expect([counts[1], counts[5]]).toEqual([0, 0]);
    expect(
      chiSquared(
        drawn.map((i) => counts[i]),
        drawn.map((i) => weights[i] * 5000),
      ),
    ).toBeLessThan(chiBound(4));
  });

  it("takes typed arrays and weights of any scale", () => {
    const random = new Random(8);
    expect(draw(50, () => random.categorical(Float32Array.of(0, 1e-30, 0)))).toEqual(Array(50).fill(1));
    expect(draw(50, () => random.categorical([0, 0, 1e300]))).toEqual(Array(50).fill(2));
  });

  it.each([
    [[], 0],
    [[0, 0], 0],
    [[1, NaN], NaN],
    [[1, Infinity], Infinity],
    [[-1, 0.5], -0.5],
  ])("refuses weights %j", (weights, total) => {
    expectError(
      () => new Random(1).categorical(weights),
      ConfigError,
      `Random.categorical: weights must have a positive finite sum, got ${total}`,
    );
  });
});

describe("shuffle", () => {
  it("gives every order equally often, in place", () => {
    const random = new Random(9);
    const orders = draw(24_000, () => random.shuffle([0, 1, 2, 3]).join(""));
    const names = [...new Set(orders)];
    expect(names).toHaveLength(24);
    expect(
      chiSquared(
        names.map((name) => orders.filter((order) => order === name).length),
        Array(24).fill(1000),
      ),
    ).toBeLessThan(chiBound(24));
    const items = [1, 2, 3];
    expect(random.shuffle(items)).toBe(items);
    expect(random.shuffle([])).toEqual([]);
  });

  it("loses nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (items, seed) => {
        const sorted = (list: number[]): number[] => [...list].sort((a, b) => a - b);
        expect(sorted(new Random(seed).shuffle([...items]))).toEqual(sorted(items));
      }),
      { seed: 2 },
    );
  });
});
