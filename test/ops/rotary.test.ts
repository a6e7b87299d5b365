/** Rotary positions: angles, pairings, and what rotations leave alone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { slice } from "../../src/ops/layout.ts";
import { sum } from "../../src/ops/reduce.ts";
import { rotary, rotaryTable } from "../../src/ops/rotary.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { length, shapes } from "../random-cases.ts";

const pairing = fc.constantFrom("halves" as const, "pairs" as const);

describe("rotaryTable", () => {
  it("holds cos and sin of position · theta^(-2i / headDim)", () => {
    for (const [headDim, theta] of [
      [8, 10_000],
      [64, 500_000],
      [2, 10_000],
      [6, 1],
    ]) {
      const { cos, sin, positions } = rotaryTable(100, headDim, theta);
      const angles = Array.from({ length: (100 * headDim) / 2 }, (_, at) => {
        const [position, i] = [Math.floor(at / (headDim / 2)), at % (headDim / 2)];
        return Math.fround(position * Math.fround(theta ** ((-2 * i) / headDim)));
      });
      expect(positions).toBe(100);
      expect(distance(cos, angles.map(Math.cos))).toBeLessThan(1e-6);
      expect(distance(sin, angles.map(Math.sin))).toBeLessThan(1e-6);
    }
  });

  it("refuses sizes that make no table", () => {
    expectError(() => rotaryTable(4, 3), ConfigError, "rotaryTable: headDim must be even, got 3");
    expectError(
      () => rotaryTable(-1, 4),
      ConfigError,
      "rotaryTable: positions must be an integer from 0 to 33554432, got -1",
    );
    expectError(
      () => rotaryTable(2e9, 64),
      ConfigError,
      "rotaryTable: positions must be an integer from 0 to 2097152, got 2000000000",
    );
    expectError(() => rotaryTable(4, 4, 0), ConfigError, "rotaryTable: theta must be a number finite and >= 1, got 0");
  });
});

describe("rotary", () => {
  it("turns a pair by its position, in radians, at the first frequency", () => {
    const x = tensor([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
    const out = rotary(x).data;
    const expected = [1, 0, Math.cos(1), Math.sin(1), -Math.sin(2), Math.cos(2)];
    expect(distance(out, expected)).toBeLessThan(1e-6);
  });

  it("with halves turns i with i + headDim / 2, with pairs neighbours", () => {
    const x = tensor([[1, 0, 0, 0]]);
    const halves = rotary(x, { offset: 1, pairing: "halves" }).data;
    const pairs = rotary(x, { offset: 1, pairing: "pairs" }).data;
    expect(distance(halves, [Math.cos(1), 0, Math.sin(1), 0])).toBeLessThan(1e-6);
    expect(distance(pairs, [Math.cos(1), Math.sin(1), 0, 0])).toBeLessThan(1e-6);
    expect([...rotary(x, { offset: 1 }).data]).toEqual([...halves]);
  });

  it("keeps lengths, and the product of a query and a key depends on their distance alone", () => {
    fc.assert(
      fc.property(length(4), fc.nat(20), fc.nat(20), fc.nat(50), pairing, fc.nat(), (half, i, j, shift, kind, seed) => {
        const random = new Random(seed);
        const [q, k] = [randn([1, 2 * half], random), randn([1, 2 * half], random)];
        const at = (offset: number): { pairing: "halves" | "pairs"; offset: number } => ({ pairing: kind, offset });
        const product = (a: number, b: number): number => sum(mul(rotary(q, at(a)), rotary(k, at(b)))).item();
        const scale = Math.sqrt(sum(mul(q, q)).item() * sum(mul(k, k)).item());
        expect(Math.abs(product(i, j) - product(i + shift, j + shift)) / scale).toBeLessThan(2e-5);
        const turned = rotary(q, at(i));
        expect(sum(mul(turned, turned)).item() / sum(mul(q, q)).item()).toBeCloseTo(1, 5);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("with an offset equals the later rows of a longer sequence, bit by bit, with or without a table", () => {
    fc.assert(
      fc.property(shapes({ maxRank: 2 }), fc.nat(9), length(4), pairing, fc.nat(), (lead, offset, seq, kind, seed) => {
        const whole = randn([...lead, offset + seq, 6], new Random(seed));
        const last = slice(whole, { axis: -2, start: offset });
        const expected = [...slice(rotary(whole, { pairing: kind }), { axis: -2, start: offset }).data];
        expect([...rotary(last, { pairing: kind, offset }).data]).toEqual(expected);
        expect([...rotary(last, { pairing: kind, offset, table: rotaryTable(20, 6) }).data]).toEqual(expected);
      }),
      { seed: 2 },
    );
  });

  it("turns gradients back", () => {
    const x = randn([2, 3, 4], new Random(1), { requiresGrad: true });
    const out = rotary(x, { offset: 5 });
    out.backward(out);
    expect(distance(x.grad?.data ?? [], x.data)).toBeLessThan(1e-6);
  });

  it("takes axes of 0", () => {
    for (const shape of [
      [0, 4],
      [3, 0],
      [0, 3, 4],
    ]) {
      const x = zeros(shape, { requiresGrad: true });
      rotary(x).backward(ones(shape));
      expect(x.grad?.shape).toEqual(shape);
    }
  });

  it("names what does not fit", () => {
    expectError(
      () => rotary(zeros([2, 3])),
      ShapeError,
      "rotary: x must be [..., seq, headDim] with an even headDim, got [2, 3]",
    );
    expectError(
      () => rotary(zeros([4])),
      ShapeError,
      "rotary: x must be [..., seq, headDim] with an even headDim, got [4]",
    );
    expectError(
      () => rotary(zeros([3, 4]), { table: rotaryTable(2, 4) }),
      ShapeError,
      "rotary: table covers 2 positions of headDim 4, needs 3 of 4",
    );
    expectError(
      () => rotary(zeros([1, 4]), { table: rotaryTable(4, 6) }),
      ShapeError,
      "rotary: table covers 4 positions of headDim 6, needs 1 of 4",
    );
    expectError(
      () => rotary(zeros([1, 4]), { offset: 4, table: rotaryTable(4, 4) }),
      ShapeError,
      "rotary: table covers 4 positions of headDim 4, needs 5 of 4",
    );
  });

  it("names an option that it does not know or cannot use", () => {
    const x = zeros([1, 4]);
    expectError(
      () => rotary(x, { base: 1 } as object),
      ConfigError,
      'rotary: unknown option "base"; known options: theta, pairing, offset, table',
    );
    expectError(
      () => rotary(x, { pairing: "pair" as "pairs" }),
      ConfigError,
      'rotary: pairing must be "halves" or "pairs", got pair',
    );
    expectError(() => rotary(x, { offset: -1 }), ConfigError, "rotary: offset must be an integer >= 0, got -1");
    expectError(
      () => rotary(x, { theta: 0.5 }),
      ConfigError,
      "rotary: theta must be a number finite and >= 1, got 0.5",
    );
    expectError(
      () => rotary(x, { theta: 100, table: rotaryTable(4, 4) }),
      ConfigError,
      "rotary: theta has no effect on a finished table; give one of the two",
    );
  });
});
