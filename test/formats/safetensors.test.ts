/** safetensors files: what is written is read back, and every type of number is read exactly. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";
import type { NamedArray } from "../../src/formats/safetensors.ts";
import { tensor } from "../../src/tensor/create.ts";
import { dataPath, describeWithData } from "../data.ts";

/** A file of one tensor, written by hand. */
function fileOf(dtype: string, data: ArrayBuffer, shape: number[], padding = 0): Uint8Array {
  const header = JSON.stringify({ x: { dtype, shape, data_offsets: [0, data.byteLength] } }) + " ".repeat(padding);
  const out = new Uint8Array(8 + header.length + data.byteLength);
  new DataView(out.buffer).setUint32(0, header.length, true);
  out.set(new TextEncoder().encode(header), 8);
  out.set(new Uint8Array(data), 8 + header.length);
  return out;
}

const arrays = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) => {
  const size = shape.reduce((product, axis) => product * axis, 1);
  return fc.float32Array({ minLength: size, maxLength: size }).map((data): NamedArray => ({ shape, data }));
});
const names = fc
  .oneof(
    fc.string(),
    fc.nat(20).map(String),
    fc.constantFrom("__proto__", "constructor", "wte.weight", "\ud83d", "é\n"),
  )
  .filter((name) => name !== "__metadata__");
const collections = fc
  .uniqueArray(fc.tuple(names, arrays), { maxLength: 8, selector: ([name]) => name })
  .map((entries) => new Map(entries));
const texts = fc.dictionary(
  fc.string().filter((key) => !/^\d+$/.test(key) && key !== "__proto__"),
  fc.string(),
  { maxKeys: 4 },
);

describe("writeSafetensors and readSafetensors", () => {
  it("give the same names, order, shapes and bits, and the same bytes when written again", () => {
    fc.assert(
      fc.property(collections, texts, (tensors, metadata) => {
        const bytes = writeSafetensors(tensors, metadata);
        const file = readSafetensors(bytes);
        expect(file.names).toEqual([...tensors.keys()]);
        expect({ ...file.metadata }).toEqual({ ...metadata });
        for (const [name, { shape, data }] of tensors) {
          const read = file.tensor(name);
          expect([read.dtype, read.shape]).toEqual(["F32", shape]);
          expect(new Uint8Array(read.data.slice().buffer)).toEqual(new Uint8Array(data.slice().buffer));
        }
        expect(Buffer.compare(writeSafetensors(file.tensors(), file.metadata), bytes)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("pad the header so that numbers begin at a multiple of 8, and do not copy aligned ones", () => {
    const bytes = writeSafetensors(new Map([["x", tensor([1, 2, 3])]]));
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, -12)).trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}',
    );
    expect(readSafetensors(bytes).tensor("x").data.buffer).toBe(bytes.buffer);
  });

  it("write tensors of a model as they are, a view of a larger array too", () => {
    const whole = Float32Array.of(1, 2, 3, 4);
    const file = readSafetensors(writeSafetensors(new Map([["x", { shape: [2], data: whole.subarray(1, 3) }]])));
    expect([...file.tensor("x").data]).toEqual([2, 3]);
  });

  it("refuse what cannot be written", () => {
    expect(() => writeSafetensors(new Map([["x", { shape: [3], data: new Float32Array(2) }]]))).toThrow(
      'writeSafetensors: "x" [3] needs 3 numbers, got 2',
    );
    expect(() => writeSafetensors(new Map([["__metadata__", tensor([1])]]))).toThrow('"__metadata__" is reserved');
    expect(() => readSafetensors("x" as unknown as Uint8Array)).toThrow(
      "readSafetensors: bytes must be a Uint8Array, got string",
    );
    expect(() => readSafetensors(new Uint8Array(8), { nmae: "x" } as object)).toThrow(
      'readSafetensors: unknown option "nmae"',
    );
  });
});

describe("types of numbers", () => {
  const cases: [string, ArrayBuffer, number[]][] = [
    ["F32", Float32Array.of(0.1, -0).buffer, [Math.fround(0.1), -0]],
    ["F64", Float64Array.of(0.1, -1e300, 5).buffer, [Math.fround(0.1), -Infinity, 5]],
    ["F16", Uint16Array.of(0x3c00, 0xc000, 0x8000).buffer, [1, -2, -0]],
    ["BF16", Uint16Array.of(0x3f80, 0xc000, 0x8000).buffer, [1, -2, -0]],
    ["I64", BigInt64Array.of(-1n, 16_777_216n, -(2n ** 40n)).buffer, [-1, 16_777_216, -(2 ** 40)]],
    ["U64", BigUint64Array.of(3n, 2n ** 50n).buffer, [3, 2 ** 50]],
    ["I32", Int32Array.of(-5, 7).buffer, [-5, 7]],
    ["U32", Uint32Array.of(2 ** 31, 7).buffer, [2 ** 31, 7]],
    ["I16", Int16Array.of(-5, 7).buffer, [-5, 7]],
    ["U16", Uint16Array.of(65_535, 7).buffer, [65_535, 7]],
    ["I8", Int8Array.of(-5, 7).buffer, [-5, 7]],
    ["U8", Uint8Array.of(255, 7).buffer, [255, 7]],
    ["BOOL", Uint8Array.of(0, 1, 2).buffer, [0, 1, 1]],
  ];

  it.each(cases)("%s", (dtype, data, expected) => {
    for (let padding = 0; padding < 8; padding++) {
      const read = readSafetensors(fileOf(dtype, data, [expected.length], padding)).tensor("x");
      expect(read).toEqual({ dtype, shape: [expected.length], data: Float32Array.from(expected) });
    }
  });

  it.each([
    ["I64", BigInt64Array.of(0n, 2n ** 53n + 1n).buffer],
    ["I64", BigInt64Array.of(0n, -(2n ** 63n)).buffer],
    ["U64", BigUint64Array.of(0n, 2n ** 64n - 1n).buffer],
    ["I64", BigInt64Array.of(0n, 16_777_217n).buffer],
  ])("%s beyond what a 32-bit float holds is refused, not rounded", (dtype, data) => {
    const file = readSafetensors(fileOf(dtype, data, [2]));
    expect(() => file.tensor("x")).toThrow(
      /safetensors: tensor "x": the .64 number at index 1, about .*, has no exact 32-bit float/,
    );
  });
});

describeWithData("files by PyTorch", () => {
  it("are read and written again without a change of a number", () => {
    const file = readSafetensors(readFileSync(dataPath("golden/gpt2-tiny/reference.safetensors")), {
      name: "reference.safetensors",
    });
    expect(file.shape("batches")).toEqual([10, 2, 17]);
    expect([...file.tensor("batches").data].every((id) => Number.isInteger(id) && id >= 0 && id < 96)).toBe(true);
    const again = readSafetensors(writeSafetensors(file.tensors()));
    expect(again.names).toEqual(file.names);
    for (const name of file.names) expect(again.tensor(name).data).toEqual(file.tensor(name).data);
  });
});
