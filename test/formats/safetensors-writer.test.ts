/** Tensors of any type are written as they are; `safetensors.test.ts` reads back what is written as floats. */
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { safetensorsParts, writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import type { DType } from "../../src/formats/safetensors-header.ts";

describe("writeSafetensors", () => {
  it("writes the bytes of any type, in the order given", () => {
    const file = readSafetensors(
      writeSafetensors(
        new Map([
          ["half", { shape: [3], dtype: "F16", bytes: Uint8Array.of(0, 0x3c, 0, 0xc0, 0, 0x80) }],
          ["plain", { shape: [1, 2], data: Float32Array.of(0.5, NaN) }],
          ["brain", { shape: [2], dtype: "BF16", bytes: Uint8Array.of(0x80, 0x3f, 0xc0, 0x7f) }],
          ["whole", { shape: [], dtype: "I64", bytes: new Uint8Array(BigInt64Array.of(-5n).buffer) }],
        ]),
        { kind: "test" },
      ),
    );
    expect(file.names).toEqual(["half", "plain", "brain", "whole"]);
    expect(file.metadata).toEqual({ kind: "test" });
    const found = file.names.map((name) => [file.tensor(name).dtype, [...file.tensor(name).data]]);
    expect(found).toEqual([
      ["F16", [1, -2, -0]],
      ["F32", [0.5, NaN]],
      ["BF16", [1, NaN]],
      ["I64", [-5]],
    ]);
  });

  it("refuses unknown types, and bytes that do not fit the shape", () => {
    const write = (dtype: string, bytes: number): unknown =>
      writeSafetensors(new Map([["x", { shape: [3], dtype: dtype as DType, bytes: new Uint8Array(bytes) }]]));
    expect(() => write("F8", 3)).toThrow(ConfigError);
    expect(() => write("Q8_0", 3)).toThrow('the dtype of "x" must be one of BOOL, U8');
    expect(() => write("F16", 5)).toThrow(ShapeError);
    expect(() => write("F16", 5)).toThrow('writeSafetensors: "x" [3] needs 6 bytes, got 5');
  });

  it("reads one tensor after the other, when its part is asked for", () => {
    const read: string[] = [];
    const lazy = (name: string): [string, { shape: number[]; readonly data: Float32Array }] => [
      name,
      {
        shape: [2],
        get data() {
          read.push(name);
          return new Float32Array(2);
        },
      },
    ];
    const [header, ...parts] = safetensorsParts("test", new Map([lazy("a"), lazy("b")]));
    expect([header.size % 8, ...parts.map(({ size }) => size)]).toEqual([0, 8, 8]);
    expect(read).toEqual([]);
    parts[1].bytes();
    expect(read).toEqual(["b"]);
  });
});
