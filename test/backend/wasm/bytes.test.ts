import { describe, expect, it } from "vitest";
import { flatten, signed, unsigned } from "../../../src/backend/wasm/bytes.ts";

describe("bytes", () => {
  it("are put together in order, from lists of any depth", () => {
    expect([...flatten([1, [2, [], [3]], Uint8Array.of(4, 5), [[[6]]]])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(flatten([])).toHaveLength(0);
  });

  it.each([1, 7, 5000, 100_000])("are as many as were given, in parts of %i", (size) => {
    const part = size === 1 ? 9 : new Uint8Array(size).fill(9);
    // More and more, past whatever room there was.
    for (let count = 1; count * size < 3_000_000; count *= 3) {
      const all = flatten(Array.from({ length: count }, () => part));
      expect(all).toHaveLength(count * size);
      expect(all.findIndex((byte) => byte !== 9)).toBe(-1);
    }
  });
});

describe("LEB128", () => {
  it("holds unsigned integers", () => {
    expect(unsigned(0)).toEqual([0]);
    expect(unsigned(127)).toEqual([127]);
    expect(unsigned(128)).toEqual([128, 1]);
    expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]); // the example of the specification
    expect(unsigned(2 ** 32 - 1)).toEqual([255, 255, 255, 255, 15]);
  });

  it("holds signed integers", () => {
    expect(signed(-123456)).toEqual([0xc0, 0xbb, 0x78]); // the example of the specification
    expect([0, -1, 63, 64, -64, -65].map(signed)).toEqual([[0], [127], [63], [192, 0], [64], [191, 127]]);
  });
});
