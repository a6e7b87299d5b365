/** Where parameters start. */
import { describe, expect, it } from "vitest";
import { ConfigError, DisposedError } from "../../src/errors.ts";
import { assignParameters, blank, checkParameters, seeded } from "../../src/nn/init.ts";
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
  it("makes parameters without numbers, which assignParameters brings", () => {
    const [weight, bias] = [blank().normal([2], 1), blank().constant([2], 1)];
    for (const parameter of [weight, bias]) expectError(() => parameter.data, DisposedError, /read after release/);
    const values = new Map([
      ["weight", Float32Array.of(1, 2)],
      ["bias", Float32Array.of(3, 4)],
    ]);
    assignParameters(new Map(Object.entries({ weight, bias })), values);
    expect([weight.toArray(), bias.toArray(), weight.requiresGrad]).toEqual([[1, 2], [3, 4], true]);
    expect(weight.data).not.toBe(values.get("weight"));
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

  it("changes nothing where names are missing or too many", () => {
    for (const name of ["A", "c"]) {
      const parameters = make();
      const values = new Map([
        ["a", Float32Array.of(1, 2)],
        [name, new Float32Array(4)],
      ]);
      expect(() => assignParameters(parameters, values)).toThrow(ConfigError);
      values.delete(name);
      expect(() => assignParameters(parameters, values)).toThrow(ConfigError);
      expect(parameters.get("a")?.toArray()).toEqual([0, 0]);
    }
  });

  it("reads each value once, since it may be computed when asked for", () => {
    const reads: string[] = [];
    class Counting extends Map<string, Float32Array> {
      override get(name: string): Float32Array | undefined {
        reads.push(name);
        return super.get(name);
      }
    }
    const values = new Counting([
      ["b", new Float32Array(4)],
      ["a", new Float32Array(2)],
    ]);
    assignParameters(make(), values);
    expect(reads).toEqual(["a", "b"]);
  });

  it("says what it takes", () => {
    const attempt = (values: unknown): void => assignParameters(make(), values as Map<string, Float32Array>);
    expectError(
      () => attempt({ a: 1 }),
      ConfigError,
      "parameters: must be a Map of Float32Arrays by name, got an object",
    );
    expectError(() => attempt(null), ConfigError, "parameters: must be a Map of Float32Arrays by name, got null");
    expectError(
      () =>
        attempt(
          new Map<string, unknown>([
            ["a", [1, 2]],
            ["b", null],
          ]),
        ),
      ConfigError,
      'parameters: "a" must be a Float32Array, got [1,2]',
    );
  });
});

describe("checkParameters", () => {
  it("finds what assignParameters would refuse, and changes nothing", () => {
    const parameters = new Map([
      ["a", new Parameter(new Float32Array(2), [2])],
      ["b", new Parameter(new Float32Array(4), [2, 2])],
    ]);
    const a = Float32Array.of(1, 2);
    const check = (b: unknown): void =>
      checkParameters(
        parameters,
        new Map<string, unknown>([
          ["a", a],
          ["b", b],
        ]) as Map<string, Float32Array>,
      );
    expect(check(new Float32Array(4))).toBeUndefined();
    for (const b of [undefined, null, new Float32Array(3), [3, 4, 5, 6]]) expect(() => check(b)).toThrow(ConfigError);
    expect(() => checkParameters(parameters, new Map([["a", a]]))).toThrow(ConfigError);
    expect(parameters.get("a")?.toArray()).toEqual([0, 0]);
  });
});
