/**
 * What holds for every kernel of every backend: any split of `begin, end` gives the bits of the whole range, a chunk run twice
 * does not change anything, and what lies outside the range stays untouched.
 */
import { describe, expect, it } from "vitest";
import type { Kernels } from "../../../src/backend/backend.ts";
import { table } from "./split-cases.ts";
import type { Case, Output } from "./split-cases.ts";

/** Marks what has not been written; no kernel produces it from the data of the table. */
const UNTOUCHED = -77777;

/** The outputs of a case, all of them untouched. */
export function allocate(c: Case): Output[] {
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

/** Runs the whole table on the kernels of a backend. */
export function checkSplits(name: string, kernels: Kernels): void {
  describe(`begin, end of ${name}`, () => {
    it.each(table.map((c, i) => [c.kernel, i, c] as const))(
      "%s (case %i) gives the same bits for any split",
      (_name, _index, c) => {
        const whole = allocate(c);
        c.run(kernels, whole, 0, c.range);
        for (const step of [1, 2, 3, 5]) {
          const split = allocate(c);
          // From the last chunk to the first, each twice: neither order nor repetition may matter.
          for (let begin = Math.floor((c.range - 1) / step) * step; begin >= 0; begin -= step) {
            c.run(kernels, split, begin, Math.min(c.range, begin + step));
            c.run(kernels, split, begin, Math.min(c.range, begin + step));
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
        c.run(kernels, outputs, begin, end);
        outputs.forEach((output, o) => {
          output.forEach((element, index) => {
            const owner = ownerOf(c, o, index, output.length);
            expect(element !== UNTOUCHED, `output ${o}, element ${index}`).toBe(owner >= begin && owner < end);
          });
        });
        c.run(kernels, outputs, begin, begin); // an empty range writes nothing
      },
    );
  });
}
