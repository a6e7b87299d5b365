/** Where parameters start. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { assignParameters, blank, seeded } from "../../src/nn/init.ts";
import { Parameter } from "../../src/nn/module.ts";
import { expectError } from "../expect-error.ts";

describe("seeded", () => {
  it("draws normal numbers of the standard deviation asked for", () => {
    const { data, shape, requiresGrad } = seeded(1).normal([100, 100], 0.02);
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((total, value) => total + value * value, 0) / data.length);
    expect([shape, requiresGrad]).toEqual([[100, 100], true]);
    expect(Math.abs(mean)).toBeLessThan((4 * 0.02) / 100);
    expect(deviation).toBeGreaterThan(0.0195);
    expect(deviation).toBeLessThan(0.0205);
  });

  it("gives the same parameters for the same seed, and goes on with each", () => {
    const [a, b] = [seeded(3), seeded(3)];
    const first = a.normal([4], 1).toArray();
    expect(b.normal([4], 1).toArray()).toEqual(first);
    expect(a.normal([4], 1).toArray()).not.toEqual(first);
    expect(seeded(4).normal([4], 1).toArray()).not.toEqual(first);
  });

  it("fills constants without drawing", () => {
    const [a, b] = [seeded(5), seeded(5)];
    expect(a.constant([2], 1).toArray()).toEqual([1, 1]);
    expect(a.normal([2], 1).toArray()).toEqual(b.normal([2], 1).toArray());
  });
});

describe("blank", () => {
  it("leaves everything at 0", () => {
    expect(blank().normal([2], 1).toArray()).toEqual([0, 0]);
    expect(blank().constant([2], 1).toArray()).toEqual([0, 0]);
  });
});

describe("assignParameters", () => {
  const make = (): Map<string, Parameter> =>
    new Map([
      ["a", new Parameter(new Float32Array(2), [2])],
      ["b", new Parameter(new Float32Array(4), [2, 2])],
    ]);

  it("copies every value", () => {
    const parameters = make();
    const a = Float32Array.of(1, 2);
    assignParameters(
      parameters,
      new Map([
        ["b", Float32Array.of(3, 4, 5, 6)],
        ["a", a],
      ]),
    );
    a[0] = 9;
    expect([...parameters.values()].map((parameter) => parameter.toArray())).toEqual([
      [1, 2],
      [
        [3, 4],
        [5, 6],
      ],
    ]);
  });

  it("names what is missing, too much, or of another size", () => {
    const [a, b] = [new Float32Array(2), new Float32Array(4)];
    expectError(() => assignParameters(make(), new Map([["a", a]])), ConfigError, 'parameters: "b" [2, 2] is missing');
    expectError(
      () =>
        assignParameters(
          make(),
          new Map([
            ["a", a],
            ["b", b],
            ["c", b],
          ]),
        ),
      ConfigError,
      'parameters: the model has no parameter "c"',
    );
    expectError(
      () =>
        assignParameters(
          make(),
          new Map([
            ["a", a],
            ["b", a],
          ]),
        ),
      ConfigError,
      'parameters: "b" needs 4 numbers [2, 2], got 2',
    );
  });
});
