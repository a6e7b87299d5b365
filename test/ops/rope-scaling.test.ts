/** Scaled rotary frequencies against the formulas of those who published them. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { checkRopeScaling, rotaryFrequencies } from "../../src/ops/rope-scaling.ts";
import type { RopeScaling } from "../../src/ops/rope-scaling.ts";
import { rotaryTable } from "../../src/ops/rotary.ts";
import { expectError } from "../expect-error.ts";

const THETA = 500_000;
const DIM = 64;
const plain = Array.from({ length: DIM / 2 }, (_, i) => THETA ** ((-2 * i) / DIM));

const close = (got: readonly number[], expected: readonly number[]): void => {
  expect(got.length).toBe(expected.length);
  got.forEach((value, i) => expect(Math.abs(value / expected[i] - 1)).toBeLessThan(1e-7));
};

describe("rotaryFrequencies", () => {
  it("are the powers of theta without scaling", () => {
    const { frequencies, attentionFactor } = rotaryFrequencies(DIM, THETA);
    close(frequencies, plain);
    expect(attentionFactor).toBe(1);
  });

  it("linear: all divided by the factor", () => {
    close(
      rotaryFrequencies(DIM, THETA, { type: "linear", factor: 8 }).frequencies,
      plain.map((x) => x / 8),
    );
  });

  it("llama3: by wavelength, as Meta's code has it", () => {
    const [factor, low, high, original] = [8, 1, 4, 8192];
    const expected = plain.map((frequency) => {
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength < original / high) return frequency;
      if (wavelength > original / low) return frequency / factor;
      const smooth = (original / wavelength - low) / (high - low);
      return ((1 - smooth) * frequency) / factor + smooth * frequency;
    });
    const scaling: RopeScaling = {
      ...{ type: "llama3", factor, originalContextLength: original, lowFreqFactor: low, highFreqFactor: high },
    };
    close(rotaryFrequencies(DIM, THETA, scaling).frequencies, expected);
    expect(expected[0]).toBe(plain[0]);
    expect(expected[31]).toBe(plain[31] / 8);
  });

  it("yarn: by turns, with longer queries and keys", () => {
    const [factor, original] = [4, 4096];
    const place = (turns: number): number => (DIM * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(THETA));
    const [from, to] = [Math.floor(place(32)), Math.ceil(place(1))];
    const expected = plain.map((frequency, i) => {
      const ramp = Math.min(1, Math.max(0, (i - from) / (to - from)));
      return (frequency / factor) * ramp + frequency * (1 - ramp);
    });
    const got = rotaryFrequencies(DIM, THETA, { type: "yarn", factor, originalContextLength: original });
    close(got.frequencies, expected);
    expect(got.attentionFactor).toBeCloseTo(0.1 * Math.log(factor) + 1, 7);
    const given = { type: "yarn", factor, originalContextLength: original, attentionFactor: 2 } as const;
    expect(rotaryFrequencies(DIM, THETA, given).attentionFactor).toBe(2);
  });

  it("dynamic: the base grows with the text once it is longer than the original context", () => {
    const scaling = { type: "dynamic", factor: 2, originalContextLength: 100 } as const;
    close(rotaryFrequencies(DIM, THETA, scaling, 100).frequencies, plain);
    const base = THETA * (2 * 3 - 1) ** (DIM / (DIM - 2));
    close(
      rotaryFrequencies(DIM, THETA, scaling, 300).frequencies,
      plain.map((_, i) => base ** ((-2 * i) / DIM)),
    );
  });

  it("factors: each frequency divided by its own", () => {
    const factors = plain.map((_, i) => 1 + i);
    close(
      rotaryFrequencies(DIM, THETA, { type: "factors", factors }).frequencies,
      plain.map((x, i) => x / (1 + i)),
    );
  });

  it("reach the table, attention factor included", () => {
    const { cos, sin } = rotaryTable(3, 4, 100, { scaling: { type: "factors", factors: [2, 5], attentionFactor: 3 } });
    expect(cos[2 * 2]).toBeCloseTo(3 * Math.cos(1), 5);
    expect(sin[2 * 2 + 1]).toBeCloseTo(3 * Math.sin((2 * 0.1) / 5), 5);
  });
});

describe("checkRopeScaling", () => {
  const bad: [object, RegExp][] = [
    [{ type: "longrope" }, /types linear, dynamic, llama3, yarn, factors, got "longrope"/],
    [{ type: "linear" }, /ropeScaling.factor must be/],
    [{ type: "linear", factor: 0.5 }, /ropeScaling.factor must be/],
    [{ type: "linear", factor: 2, beta: 1 }, /unknown option "beta"/],
    [{ type: "yarn", factor: 2, originalContextLength: 1.5 }, /originalContextLength must be an integer/],
    [{ type: "factors", factors: [1] }, /must be 2 numbers/],
    [{ type: "factors", factors: [1, 0] }, /ropeScaling.factors must be/],
    [
      { type: "llama3", factor: 2, originalContextLength: 8, lowFreqFactor: 4, highFreqFactor: 4 },
      /lowFreqFactor must be below/,
    ],
  ];
  it.each(bad)("refuses %j", (scaling, message) => {
    expectError(() => checkRopeScaling("test", scaling as RopeScaling, 4), ConfigError, message);
  });
});
