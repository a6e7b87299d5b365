/** One table over all kernels of the plain loops; see split-checks.ts. */
import { expect, it } from "vitest";
import { loops } from "../../../src/backend/loops/loops.ts";
import { table } from "./split-cases.ts";
import { checkSplits } from "./split-checks.ts";

it("has a case for every kernel", () => {
  expect([...new Set(table.map((c) => c.kernel))].sort()).toEqual(Object.keys(loops.kernels).sort());
});

checkSplits("the plain loops", loops.kernels);
