/** AdamW follows its algorithm, number by number. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { Parameter } from "../../src/nn/module.ts";
import { Random } from "../../src/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { AdamW } from "../../src/training/optimizer.ts";
import type { AdamWOptions, OptimizerState } from "../../src/training/optimizer.ts";
import { expectError } from "../expect-error.ts";

function randomParameters(random: Random): Map<string, Parameter> {
  const make = (...shape: number[]): Parameter =>
    new Parameter(
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
      shape,
    );
  return new Map([
    ["matrix", make(3, 4)],
    ["bias", make(5)],
  ]);
}

function giveGradients(parameters: Map<string, Parameter>, random: Random): void {
  for (const parameter of parameters.values())
    parameter.grad = new Tensor(
      parameter.data.map(() => random.normal()),
      parameter.shape,
    );
}

/** Loshchilov & Hutter 2019, algorithm 2 (lines 6 to 12), in double precision. */
class Reference {
  readonly values: number[];
  readonly m: number[];
  readonly v: number[];
  t = 0;

  constructor(values: ArrayLike<number>) {
    this.values = Array.from(values);
    this.m = this.values.map(() => 0);
    this.v = this.values.map(() => 0);
  }

  step(
    gradient: ArrayLike<number>,
    alpha: number,
    lambda: number,
    { beta1, beta2, eps }: Required<Pick<AdamWOptions, "beta1" | "beta2" | "eps">>,
  ): void {
    this.t++;
    this.values.forEach((theta, i) => {
      const g = gradient[i];
      this.m[i] = beta1 * this.m[i] + (1 - beta1) * g;
      this.v[i] = beta2 * this.v[i] + (1 - beta2) * g * g;
      const mHat = this.m[i] / (1 - beta1 ** this.t);
      const vHat = this.v[i] / (1 - beta2 ** this.t);
      this.values[i] = theta - alpha * (mHat / (Math.sqrt(vHat) + eps) + lambda * theta);
    });
  }
}

const settings = fc.record({
  beta1: fc.constantFrom(0, 0.5, 0.9),
  beta2: fc.constantFrom(0.9, 0.95, 0.999),
  eps: fc.constantFrom(1e-8, 1e-3),
  weightDecay: fc.constantFrom(0, 0.1, 0.5),
  decay: fc.constantFrom("matrices" as const, "all" as const),
});

describe("AdamW", () => {
  it("is the published algorithm over many steps, gradients scaled first, decay where it is asked for", () => {
    fc.assert(
      fc.property(settings, fc.integer(), fc.constantFrom(1, 0.25), (options, seed, gradScale) => {
        const random = new Random(seed);
        const parameters = randomParameters(random);
        const references = new Map([...parameters].map(([name, { data }]) => [name, new Reference(data)]));
        const optimizer = new AdamW(parameters, options);
        for (let step = 0; step < 12; step++) {
          const rate = 0.01 * (1 + step);
          giveGradients(parameters, random);
          for (const [name, reference] of references) {
            const lambda = options.decay === "all" || name === "matrix" ? options.weightDecay : 0;
            reference.step(
              (parameters.get(name)?.grad?.data ?? new Float32Array()).map((g) => g * gradScale),
              rate,
              lambda,
              options,
            );
          }
          optimizer.step(rate, gradScale);
        }
        for (const [name, { values, m, v }] of references) {
          const { data } = parameters.get(name) as Parameter;
          const state = optimizer.state();
          values.forEach((value, i) => {
            expect(Math.abs(data[i] - value)).toBeLessThan(2e-5);
            expect(Math.abs((state.m.get(name)?.[i] ?? NaN) - m[i])).toBeLessThan(1e-5);
            expect(Math.abs((state.v.get(name)?.[i] ?? NaN) - v[i])).toBeLessThan(1e-5);
          });
          expect(state.step).toBe(12);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("leaves a parameter without a gradient as it is", () => {
    const parameters = randomParameters(new Random(1));
    const optimizer = new AdamW(parameters);
    const before = parameters.get("bias")?.data.slice();
    giveGradients(parameters, new Random(2));
    (parameters.get("bias") as Parameter).grad = null;
    optimizer.step(0.1);
    expect(parameters.get("bias")?.data).toEqual(before);
    expect(
      optimizer
        .state()
        .m.get("matrix")
        ?.some((value) => value !== 0),
    ).toBe(true);
  });

  it("forgets gradients when told", () => {
    const parameters = randomParameters(new Random(1));
    giveGradients(parameters, new Random(2));
    new AdamW(parameters).zeroGrad();
    for (const { grad } of parameters.values()) expect(grad).toBeNull();
  });

  it("goes on from a state bit for bit, and the state is a copy", () => {
    const [one, two] = [randomParameters(new Random(1)), randomParameters(new Random(1))];
    const [first, second] = [new AdamW(one), new AdamW(two)];
    const [gradients, again] = [new Random(5), new Random(5)];
    for (let step = 0; step < 3; step++) {
      giveGradients(one, gradients);
      first.step(0.01);
    }
    const state = first.state();
    for (const [name, { data }] of one) two.get(name)?.data.set(data);
    for (let step = 0; step < 3; step++) giveGradients(two, again); // the same draws
    second.restore(state);
    giveGradients(one, gradients);
    first.step(0.01);
    giveGradients(two, again);
    second.step(0.01);
    expect(state.step).toBe(3);
    for (const [name, { data }] of one) expect(two.get(name)?.data).toEqual(data);
    expect(second.state()).toEqual(first.state());
  });

  it("refuses a state of another model, and names the parameter", () => {
    const optimizer = new AdamW(randomParameters(new Random(1)));
    const state = optimizer.state();
    const message = 'AdamW.restore: the state does not fit parameter "bias" of 5 numbers; it belongs to another model';
    expectError(
      () => optimizer.restore({ ...state, m: new Map([...state.m].filter(([name]) => name !== "bias")) }),
      ConfigError,
      message,
    );
    expectError(
      () => optimizer.restore({ ...state, v: new Map([...state.v, ["bias", new Float32Array(4)]]) }),
      ConfigError,
      message,
    );
  });

  it("refuses what is no state, and changes nothing then", () => {
    const parameters = randomParameters(new Random(1));
    const optimizer = new AdamW(parameters);
    giveGradients(parameters, new Random(2));
    optimizer.step(0.1);
    const state = optimizer.state();
    const other = (means: Map<string, Float32Array>): Map<string, Float32Array> =>
      new Map([...means].map(([name, mean]) => [name, mean.map(() => 7)]));
    const attempts: [state: unknown, message: string | RegExp][] = [
      [undefined, /^AdamW.restore: the state must hold a step and the Maps m and v/],
      [null, /^AdamW.restore: the state must hold/],
      [{ ...state, m: {} }, /^AdamW.restore: the state must hold/],
      [{ ...state, v: undefined }, /^AdamW.restore: the state must hold/],
      [{ m: other(state.m), v: other(state.v), step: NaN }, "AdamW.restore: step must be an integer >= 0, got NaN"],
      [{ ...state, step: -1 }, "AdamW.restore: step must be an integer >= 0, got -1"],
      [
        { ...state, m: other(state.m), v: new Map([...other(state.v), ["bias", new Float32Array(4)]]) },
        /does not fit parameter "bias" of 5 numbers/,
      ],
      [
        { ...state, m: new Map<string, unknown>([...state.m, ["bias", [1, 2, 3, 4, 5]]]) },
        /does not fit parameter "bias"/,
      ],
      [{ ...state, v: new Map([...state.v, ["bias", null]]) }, /does not fit parameter "bias"/],
      [
        { ...state, m: other(state.m), v: new Map([...state.v, ["extra", new Float32Array(1)]]) },
        'AdamW.restore: the state has a parameter "extra" that is not here; it belongs to another model',
      ],
    ];
    for (const [bad, message] of attempts) {
      expectError(() => optimizer.restore(bad as OptimizerState), ConfigError, message);
      expect(optimizer.state()).toEqual(state);
    }
  });

  it("leaves a number whose gradient is 0 where it is, for the smallest eps too", () => {
    for (const eps of [1e-8, Number.MIN_VALUE]) {
      const parameter = new Parameter(Float32Array.of(1, 2), [2]);
      parameter.grad = new Tensor(Float32Array.of(0, 1), [2]);
      new AdamW(new Map([["p", parameter]]), { eps }).step(0.5);
      expect([...parameter.data]).toEqual([1, 1.5]);
    }
  });

  it("refuses settings out of range and unknown ones", () => {
    const parameters = randomParameters(new Random(1));
    const bad: Record<keyof AdamWOptions, readonly unknown[]> = {
      beta1: [-0.1, 1, NaN, "0.9", null],
      beta2: [-0.1, 1, 2, null],
      eps: [0, -1, NaN, Infinity, null],
      weightDecay: [-0.1, NaN, Infinity, "0", null],
      decay: ["none", true, null],
    };
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values)
        expectError(() => new AdamW(parameters, { [name]: value }), ConfigError, new RegExp(`^AdamW: ${name} must be`));
    }
    expectError(
      () => new AdamW(parameters, { betas: [0.9, 0.95] } as AdamWOptions),
      ConfigError,
      /^AdamW: unknown option "betas"/,
    );
  });
});
