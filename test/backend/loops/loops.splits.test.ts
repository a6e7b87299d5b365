/**
 * One table over all kernels: any split of `begin, end` must give the bits of the whole range, a chunk run twice must not
 * change anything, and what lies outside the range must stay untouched.
 */
import { describe, expect, it } from "vitest";
import { loops } from "../../../src/backend/loops/loops.ts";
import { table } from "./split-cases.ts";
import type { Case, Output } from "./split-cases.ts";

const UNTOUCHED = -77777;

function allocate(c: Case): Output[] {
  return c.outputs.map((spec) => {
    const [length, type] = typeof spec === "number" ? [spec, "float32"] : spec;
    const array =
      type === "float64"
        ? new Float64Array(length)
        : type === "int32"
          ? new Int32Array(length)
          : new Float32Array(length);
    return array.fill(UNTOUCHED);
  });
}

function ownerOf(c: Case, o: number, element: number, length: number): number {
  return c.owner ? c.owner(o, element) : Math.floor(element / (length / c.range));
}

describe("begin, end", () => {
  it("has a case for every kernel", () => {
    expect([...new Set(table.map((c) => c.kernel))].sort()).toEqual(Object.keys(loops.kernels).sort());
  });

  it.each(table.map((c, i) => [c.kernel, i, c] as const))(
    "%s (case %i) gives the same bits for any split",
    (_name, _index, c) => {
      const whole = allocate(c);
      c.run(whole, 0, c.range);
      for (const step of [1, 2, 3, 5]) {
        const split = allocate(c);
        // From the last chunk to the first, each twice: neither order nor repetition may matter.
        for (let begin = Math.floor((c.range - 1) / step) * step; begin >= 0; begin -= step) {
          c.run(split, begin, Math.min(c.range, begin + step));
          c.run(split, begin, Math.min(c.range, begin + step));
        }
        expect(split).toEqual(whole);
      }
    },
  );

  it.each(table.map((c, i) => [c.kernel, i, c] as const))(
    "%s (case %i) writes its range alone, and all of it",
    (_name, _index, c) => {
      const begin = Math.floor(c.range / 3);
      const end = Math.max(begin + 1, Math.floor((2 * c.range) / 3));
      const outputs = allocate(c);
      c.run(outputs, begin, end);
      outputs.forEach((output, o) => {
        output.forEach((element, index) => {
          const owner = ownerOf(c, o, index, output.length);
          expect(element !== UNTOUCHED, `output ${o}, element ${index}`).toBe(owner >= begin && owner < end);
        });
      });
      c.run(outputs, begin, begin); // an empty range writes nothing
    },
  );
});
