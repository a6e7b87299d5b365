/** Forgetting at random, reproducibly. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { ones, zeros } from "../../src/tensor/create.ts";
import { expectError } from "../expect-error.ts";

describe("dropout", () => {
  it("zeroes a share p and scales the rest, so that the mean stays", () => {
    for (const p of [0.1, 0.5, 0.9]) {
      const { data } = dropout(ones([100, 100]), { p, random: new Random(1) });
      const kept = data.filter((value) => value !== 0);
      expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - p))]));
      expect(Math.abs(kept.length - 10_000 * (1 - p))).toBeLessThan(4 * Math.sqrt(10_000 * p * (1 - p))); // four standard deviations
    }
  });

  it("draws the same mask from the same seed and another from the next draw", () => {
    const [a, b] = [new Random(2), new Random(2)];
    const first = [...dropout(ones([50]), { p: 0.5, random: a }).data];
    expect([...dropout(ones([50]), { p: 0.5, random: b }).data]).toEqual(first);
    expect([...dropout(ones([50]), { p: 0.5, random: a }).data]).not.toEqual(first);
  });

  it("passes gradients where it passed values", () => {
    const x = ones([50], { requiresGrad: true });
    const out = dropout(x, { p: 0.3, random: new Random(3) });
    out.backward(ones([50]));
    expect([...(x.grad?.data ?? [])]).toEqual([...out.data]);
  });

  it("with p = 0 returns its input and draws nothing", () => {
    const [x, random] = [ones([3]), new Random(4)];
    expect(dropout(x, { p: 0, random })).toBe(x);
    expect(random.state()).toEqual(new Random(4).state());
  });

  it("takes nothing", () => {
    expect(dropout(zeros([0, 3]), { p: 0.5, random: new Random(5) }).shape).toEqual([0, 3]);
  });

  it("names a bad p, a missing generator and an unknown option", () => {
    const [x, random] = [ones([3]), new Random(6)];
    expectError(
      () => dropout(x, { p: 1, random }),
      ConfigError,
      /^dropout: p must be a number from 0 to 0.99\d*, got 1$/,
    );
    expectError(
      () => dropout(x, { p: -0.1, random }),
      ConfigError,
      /^dropout: p must be a number from 0 to .*, got -0.1$/,
    );
    expectError(
      () => dropout(x, { p: 0.5 } as { p: number; random: Random }),
      ConfigError,
      "dropout: needs a Random, e.g. dropout(x, { p: 0.1, random: new Random(1) })",
    );
    expectError(
      () => dropout(x, { p: 0.5, random, training: true } as { p: number; random: Random }),
      ConfigError,
      'dropout: unknown option "training"; known options: p, random',
    );
  });
});
