/** Every operation against finite differences. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradCheck } from "../src/autograd/check.ts";
import type { GradCheckResult } from "../src/autograd/check.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import * as api from "../src/public/tensor.ts";
import { describeBackends } from "./backends.ts";
import { drawInputs, opCases } from "./op-cases.ts";
import type { OpCase } from "./op-cases.ts";
import { randomCases } from "./random-cases.ts";

/** Checks the differentiable inputs of a case and hands the others through. */
function check({ inputs, run }: Pick<OpCase, "inputs" | "run">, drawn: Tensor[]): GradCheckResult {
  const differentiable = Object.values(inputs).map((input) => input.differentiable);
  const fn = (...leaves: Tensor[]): Tensor => {
    const rest = [...leaves];
    return run(...drawn.map((tensor, i) => (differentiable[i] ? (rest.shift() as Tensor) : tensor)));
  };
  return gradCheck(
    fn,
    drawn.filter((_, i) => differentiable[i]),
    { tolerance: 2e-4 },
  );
}

function expectOk({ ok, maxError, worst }: GradCheckResult): void {
  expect(ok, `error ${maxError} at ${JSON.stringify(worst)}`).toBe(true);
}

describe("gradCheck accepts", () => {
  describeBackends(() => {
    it.each(opCases)("$name", (opCase) => {
      expectOk(check(opCase, drawInputs(opCase, 3)));
    });

    it.each(randomCases)("$name at random shapes", ({ arbitrary }) => {
      fc.assert(
        fc.property(arbitrary, fc.nat(1000), (opCase, seed) => {
          expectOk(check(opCase, drawInputs(opCase, seed)));
        }),
        { seed: 1, numRuns: 40 },
      );
    });
  });
});

/** Exports of heed/tensor that are functions of something else than tensors, or whose result has no gradient. */
const NOT_DIFFERENTIABLE = [
  "Tensor",
  "Random",
  "alike",
  "arange",
  "attentionMaps",
  "full",
  "gradCheck",
  "noGrad",
  "ones",
  "randn",
  "rotaryTable",
  "scope",
  "tensor",
  "zeros",
];

/** The names of the operations that a result was computed with. */
function operationsOf(out: Tensor): string[] {
  const node = out.node as unknown as { operation: string; inputs: Tensor[] } | null;
  return node === null ? [] : [node.operation, ...node.inputs.flatMap(operationsOf)];
}

describe("the table of operations", () => {
  it("has unique names", () => {
    const names = opCases.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it("covers every differentiable function of heed/tensor", () => {
    const functions = Object.entries(api).flatMap(([name, value]) =>
      typeof value === "function" && !name.endsWith("Error") ? [name] : [],
    );
    const expected = [...functions.filter((name) => !NOT_DIFFERENTIABLE.includes(name)), "geluTanh"];
    const inTable = new Set(opCases.flatMap((opCase) => operationsOf(opCase.run(...drawInputs(opCase, 3)))));
    expect([...inTable].sort()).toEqual(expected.sort());
    const atRandom = new Set(
      randomCases.flatMap(({ arbitrary }) => {
        return fc
          .sample(arbitrary, { seed: 1, numRuns: 10 })
          .flatMap((opCase) => operationsOf(opCase.run(...drawInputs(opCase, 3))));
      }),
    );
    expect([...atRandom].sort()).toEqual(expected.sort());
  });

  it("draws the same inputs from the same seed, and others from another", () => {
    for (const opCase of opCases) {
      const data = (seed: number): number[][] => drawInputs(opCase, seed).map((input) => [...input.data]);
      expect(data(1)).toEqual(data(1));
      expect(data(1)).not.toEqual(data(2));
    }
  });
});
