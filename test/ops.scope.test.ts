/** Every operation inside a scope whose recycled arrays hold nothing useful: it writes all of the memory that it is lent. */
import { beforeAll, describe, expect, it } from "vitest";
import { backend } from "../src/backend/current.ts";
import { Random } from "../src/random.ts";
import { randn } from "../src/tensor/create.ts";
import { allocate, scope } from "../src/tensor/scope.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { drawInputs, opCases } from "./op-cases.ts";
import type { OpCase } from "./op-cases.ts";

/** Fills what will be lent with NaN: arrays of every size that the table's operations need, several of each. */
function poison(): void {
  for (let round = 0; round < 2; round++) {
    scope(() => {
      for (let size = 700; size > 0; size--) {
        for (let copy = 0; copy < 6; copy++) allocate(size).fill(NaN);
      }
    }); // after the first round the memory of the fast backend has a place for all of it at once
  }
}

/** The bits of an operation's result and gradients. */
function bitsOf(opCase: OpCase): number[][] {
  const inputs = drawInputs(opCase, 4);
  const out = opCase.run(...inputs);
  out.backward(randn(out.shape, new Random(5)));
  const gradients = inputs.flatMap(({ grad }) => (grad === null ? [] : [[...(grad as Tensor).data]]));
  return [[...out.data], ...gradients];
}

describe.each(["loops", "wasm"] as const)("among recycled arrays of %s", (name) => {
  beforeAll(() => backend.use(name));

  it("the pool really lends what was poisoned", () => {
    poison();
    expect(scope(() => [...allocate(9)])).toEqual(Array(9).fill(NaN));
  });

  it.each(opCases)("$name computes the same bits as outside a scope", (opCase) => {
    const outside = bitsOf(opCase);
    poison();
    expect(scope(() => bitsOf(opCase))).toEqual(outside);
  });
});
