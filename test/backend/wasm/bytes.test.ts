import { describe, expect, it } from "vitest";
import { raw, signed, toArray, unsigned } from "../../../src/backend/wasm/bytes.ts";

const numbers = (bytes: string): number[] => [...toArray(bytes)];

describe("bytes", () => {
  it("are the characters of a string", () => {
    const every = Array.from({ length: 256 }, (_, byte) => byte);
    expect(numbers(String.fromCharCode(...every))).toEqual(every);
    expect(toArray("")).toHaveLength(0);
  });

  it("stand for numbers as memory holds them", () => {
    expect(numbers(raw(Int32Array.of(1, -2)))).toEqual([1, 0, 0, 0, 254, 255, 255, 255]);
    expect(numbers(raw(Float64Array.of(1)))).toEqual([0, 0, 0, 0, 0, 0, 240, 63]);
  });
});

describe("LEB128", () => {
  it("holds unsigned integers", () => {
    expect(numbers(unsigned(0))).toEqual([0]);
    expect(numbers(unsigned(127))).toEqual([127]);
    expect(numbers(unsigned(128))).toEqual([128, 1]);
    expect(numbers(unsigned(624485))).toEqual([0xe5, 0x8e, 0x26]); // the example of the specification
    expect(numbers(unsigned(2 ** 32 - 1))).toEqual([255, 255, 255, 255, 15]);
  });

  it("holds signed integers", () => {
    expect(numbers(signed(-123456))).toEqual([0xc0, 0xbb, 0x78]); // the example of the specification
    expect([0, -1, 63, 64, -64, -65].map((value) => numbers(signed(value)))).toEqual([
      [0],
      [127],
      [63],
      [192, 0],
      [64],
      [191, 127],
    ]);
  });
});
