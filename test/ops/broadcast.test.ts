/** Stretching operands and gathering their gradients. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatherGradient, repeatable, stretch } from "../../src/ops/broadcast.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { shapes } from "../random-cases.ts";

/** A shape, and one that stretches to it. */
const stretchable = shapes({ minLength: 0, maxLength: 3 }).chain((to) =>
  fc.tuple(fc.nat(to.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })).map(([drop, flat]) => ({
    to,
    from: to.slice(drop).map((length, i) => (flat[i] ? 1 : length)),
  })),
);

const counting = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => i + 1);

describe("stretch", () => {
  it("repeats along axes of 1 and missing axes", () => {
    expect([...stretch(Float32Array.of(1, 2), [2, 1], [2, 3])]).toEqual([1, 1, 1, 2, 2, 2]);
    expect([...stretch(Float32Array.of(1, 2), [2], [2, 2])]).toEqual([1, 2, 1, 2]);
    expect([...stretch(Float32Array.of(1, 2), [1, 2, 1], [2, 2, 2])]).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
    expect([...stretch(Float32Array.of(1), [1], [0, 3])]).toEqual([]);
  });

  it("copies nothing where the shapes agree", () => {
    const data = counting(6);
    expect(stretch(data, [2, 3], [2, 3])).toBe(data);
    expect(stretch(data, [2, 3], [1, 2, 3])).toBe(data);
  });
});

describe("repeatable", () => {
  it("leaves scalars and tails of the target as they are", () => {
    for (const shape of [[], [1], [1, 1], [3], [1, 3], [2, 3]]) {
      const x = new Tensor(counting(sizeOf(shape)), shape);
      expect(repeatable(x, [4, 2, 3])).toBe(x.data);
    }
  });

  it("writes out what repeats inside", () => {
    expect([...repeatable(new Tensor(counting(2), [2, 1]), [2, 2])]).toEqual([1, 1, 2, 2]);
  });

  it("gives numbers that, read at i mod length, are the stretched ones", () => {
    fc.assert(
      fc.property(stretchable, ({ from, to }) => {
        const x = new Tensor(counting(sizeOf(from)), from);
        const short = repeatable(x, to);
        expect(Array.from({ length: sizeOf(to) }, (_, i) => short[i % short.length])).toEqual([
          ...stretch(x.data, from, to),
        ]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("gatherGradient", () => {
  it("sums over the stretched axes", () => {
    expect([...gatherGradient(counting(6), [2, 3], [3])]).toEqual([5, 7, 9]);
    expect([...gatherGradient(counting(6), [2, 3], [2, 1])]).toEqual([6, 15]);
    expect([...gatherGradient(counting(6), [2, 3], [])]).toEqual([21]);
  });

  it("is the transpose of stretching: ⟨stretch x, y⟩ = ⟨x, gather y⟩", () => {
    fc.assert(
      fc.property(stretchable, ({ from, to }) => {
        const x = counting(sizeOf(from));
        const y = counting(sizeOf(to)).map((value) => (value * 7) % 5);
        const gathered = gatherGradient(y, to, from);
        expect(gathered).toHaveLength(x.length);
        const dot = (a: Float32Array, b: Float32Array): number =>
          a.reduce((total, value, i) => total + value * b[i], 0);
        expect(dot(x, gathered)).toBe(dot(stretch(x, from, to), y)); // small whole numbers: exact
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
