import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "../../src/tokenizer/heap.ts";

describe("Heap", () => {
  it("gives the items in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const sorted = numbers.map(() => heap.pop());
        expect(sorted).toEqual(numbers.toSorted((a, b) => a - b));
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});
