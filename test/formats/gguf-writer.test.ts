/** What is written is read again by the header's reader, value by value. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { GGML_TYPES, readGGUFHeader } from "../../src/formats/gguf-header.ts";
import { ggufParts, writeGGUF } from "../../src/formats/gguf-writer.ts";
import type { GGUFEntry, GGUFTensor } from "../../src/formats/gguf-writer.ts";
import { joinParts } from "../../src/formats/parts.ts";

const text = fc.string({ unit: "grapheme" });
const number = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 32 }),
  fc.maxSafeInteger(),
  fc.float({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
);
const entry: fc.Arbitrary<GGUFEntry> = fc.oneof(
  text,
  fc.boolean(),
  number,
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.array(text, { minLength: 1 }),
  fc.array(fc.boolean(), { minLength: 1 }),
  fc.uint8Array(),
  fc.int32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
);

const types = [...GGML_TYPES.values()];
const tensor: fc.Arbitrary<GGUFTensor> = fc
  .record({ type: fc.constantFrom(...types), outer: fc.array(fc.nat(3), { maxLength: 3 }), blocks: fc.nat(2) })
  .map(({ type, outer, blocks }) => {
    const rows = outer.reduce((product, axis) => product * axis, 1);
    const bytes = Uint8Array.from({ length: rows * blocks * type.bytes }, (_, i) => i + 1);
    return { type: type.name, shape: [...outer, blocks * type.items], bytes };
  });

/** As the reader gives it: 64-bit integers are numbers where these are exact. */
function plain(value: GGUFEntry): unknown {
  return typeof value === "bigint" && BigInt(Number(value)) === value && Math.abs(Number(value)) < 2 ** 53
    ? Number(value)
    : value;
}

describe("writeGGUF", () => {
  it("is read again as it was", () => {
    const maps = fc.tuple(
      fc.uniqueArray(fc.tuple(text, entry), { selector: ([key]) => key, maxLength: 6 }),
      fc.uniqueArray(fc.tuple(text, tensor), { selector: ([name]) => name, maxLength: 6 }),
    );
    fc.assert(
      fc.property(maps, ([entries, tensors]) => {
        const bytes = writeGGUF(new Map(entries), new Map(tensors));
        const header = readGGUFHeader(bytes);
        expect([...header.metadata]).toEqual(entries.map(([key, value]) => [key, plain(value)]));
        expect([header.version, header.alignment, bytes.length % 32]).toEqual([3, 32, 0]);
        expect(header.tensors.map(({ name, shape }) => ({ name, shape }))).toEqual(
          tensors.map(([name, { shape }]) => ({ name, shape })),
        );
        for (const [i, { type, begin, end }] of header.tensors.entries()) {
          expect([GGML_TYPES.get(type)?.name, begin % 32]).toEqual([tensors[i][1].type, 0]);
          expect(bytes.subarray(begin, end)).toEqual(tensors[i][1].bytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("refuses numbers that would not be what they are", () => {
    for (const value of [2 ** 53 + 2 ** 10 - 2, 1e300, -1e39])
      expect(() => writeGGUF(new Map([["k", value]]), new Map())).toThrow('metadata "k" cannot be');
  });

  it("writes values in the type that is asked for", () => {
    const metadata = new Map<string, GGUFEntry>([
      ["a", { type: "float32", value: 3 }],
      ["b", { type: "uint32", value: 2 ** 32 - 1 }],
      ["c", { type: "bool", value: true }],
      ["d", { type: "string", value: "é" }],
      ["general.alignment", 32],
    ]);
    const bytes = writeGGUF(metadata, new Map());
    // Magic, version and counts, then the length of the key, "a", the type, the value.
    const view = new DataView(bytes.buffer, 24 + 8 + 1);
    expect([view.getUint32(0, true), view.getFloat32(4, true)]).toEqual([6, 3]);
    expect([...readGGUFHeader(bytes).metadata.values()]).toEqual([3, 2 ** 32 - 1, true, "é", 32]);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["nothing", undefined],
    ["an object", {}],
    ["an array", [["x"]]],
    ["[1,2]", [1, 2]],
    ['["x",true]', ["x", true]],
    ["18446744073709551616", 2n ** 64n],
    ["-1", { type: "uint32", value: -1 }],
    ["0.5", { type: "uint32", value: 0.5 }],
    ['"x"', { type: "bool", value: "x" }],
    ["an object", new DataView(new ArrayBuffer(2))],
  ])("refuses %s as a value", (shown, value) => {
    const write = (): unknown => writeGGUF(new Map([["key", value as GGUFEntry]]), new Map());
    expect(write).toThrow(ConfigError);
    expect(write).toThrow(`writeGGUF: metadata "key" cannot be ${shown}`);
  });

  it("refuses tensors that do not fit their type", () => {
    const write = (tensor: GGUFTensor): unknown => writeGGUF(new Map(), new Map([["x", tensor]]));
    const bytes = new Uint8Array(34);
    expect(() => write({ shape: [1], type: "F31", bytes })).toThrow('"x": type "F31" is not known');
    expect(() => write({ shape: [3, 33], type: "Q8_0", bytes })).toThrow(ShapeError);
    expect(() => write({ shape: [3, 33], type: "Q8_0", bytes })).toThrow("Q8_0 has blocks of 32");
    expect(() => write({ shape: [2, 32], type: "Q8_0", bytes })).toThrow('"x" [2, 32] as Q8_0 needs 68 bytes, got 34');
    expect(() => writeGGUF(new Map([["general.alignment", 64]]), new Map())).toThrow(
      "general.alignment must be 32, got 64",
    );
  });

  it("comes in parts, and asks for a tensor when its turn comes", () => {
    const lazy = {
      shape: [3],
      type: "F32",
      get bytes(): Uint8Array {
        return expect.fail("asked for its bytes");
      },
    };
    const parts = ggufParts("test", new Map(), new Map([["x", lazy]]));
    expect(parts.map(({ size }) => size)).toEqual([64, 12, 20]);
    expect(() => joinParts("test", parts)).toThrow("asked for its bytes");
  });
});
