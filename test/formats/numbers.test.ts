/** Numbers of every type that files have. */
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { checkNumberType, readNumbers } from "../../src/formats/numbers.ts";
import { expectError } from "../expect-error.ts";

function read(dtype: string, bytes: ArrayBufferView, count: number): number[] {
  // One byte before, so that nothing lies at a multiple of its size.
  const shifted = new Uint8Array(bytes.byteLength + 1);
  shifted.set(new Uint8Array(bytes.buffer), 1);
  const out = new Float32Array(count);
  readNumbers(dtype, shifted.subarray(1), out, "m: tensor x");
  return [...out];
}

describe("readNumbers", () => {
  it.each<[string, ArrayBufferView, number[]]>([
    ["BOOL", Uint8Array.of(0, 1, 2), [0, 1, 1]],
    ["U8", Uint8Array.of(0, 255), [0, 255]],
    ["I8", Int8Array.of(-128, 127), [-128, 127]],
    ["U16", Uint16Array.of(0, 65535), [0, 65535]],
    ["I16", Int16Array.of(-32768, 2), [-32768, 2]],
    ["U32", Uint32Array.of(2 ** 31, 3), [2 ** 31, 3]],
    ["I32", Int32Array.of(-(2 ** 31), 3), [-(2 ** 31), 3]],
    ["U64", BigUint64Array.of(2n ** 40n, 3n), [2 ** 40, 3]],
    ["I64", BigInt64Array.of(-(2n ** 40n), -1n), [-(2 ** 40), -1]],
    ["F64", Float64Array.of(0.1, -2), [Math.fround(0.1), -2]],
    ["F32", Float32Array.of(0.5, -2), [0.5, -2]],
    ["F16", Uint16Array.of(0x3c00, 0xc000), [1, -2]],
    ["BF16", Uint16Array.of(0x3f80, 0xc000), [1, -2]],
  ])("%s", (dtype, bytes, expected) => {
    expect(read(dtype, bytes, expected.length)).toEqual(expected);
  });

  it("refuses integers that are no 32-bit floats", () => {
    expectError(
      () => read("I32", Int32Array.of(1, 2 ** 24 + 1), 2),
      FormatError,
      "m: tensor x: the I32 number at index 1, about 16777217, has no exact 32-bit float",
    );
  });

  it("refuses other types by their names", () => {
    for (const dtype of ["F8_E4M3", "IQ1_S", "toString", ""]) {
      expectError(
        () => checkNumberType(dtype, "m"),
        FormatError,
        /^m: the type ".*" is not supported; supported: F32,/,
      );
      expectError(() => read(dtype, new Uint8Array(4), 1), FormatError, /is not supported/);
    }
  });
});
