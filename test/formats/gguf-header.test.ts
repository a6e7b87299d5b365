import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { GGML_TYPES, type GGUFHeader, readGGUFHeader } from "../../src/formats/gguf-header.ts";
import { dataPath, describeWithData } from "../data.ts";
import { type Typed, type WrittenHeader, ggufFile } from "./gguf-file.ts";

const text = (value: string): Typed => ({ type: 8, value });
const f32 = (name: string, axes: number[], offset: number | bigint = 0): NonNullable<WrittenHeader["tensors"]>[0] => ({
  name,
  axes,
  type: 0,
  offset,
});

/** One of everything. */
const sample: WrittenHeader = {
  metadata: [
    ["u8", { type: 0, value: 255 }],
    ["i8", { type: 1, value: -1 }],
    ["u16", { type: 2, value: 65535 }],
    ["i16", { type: 3, value: -2 }],
    ["u32", { type: 4, value: 4294967295 }],
    ["i32", { type: 5, value: -3 }],
    ["f32", { type: 6, value: 0.5 }],
    ["bool", { type: 7, value: true }],
    ["text", text("naïve 𝄞")],
    ["u64", { type: 10, value: 2n ** 53n - 1n }],
    ["u64 large", { type: 10, value: 2n ** 64n - 1n }],
    ["i64", { type: 11, value: -4n }],
    ["i64 large", { type: 11, value: -(2n ** 62n) }],
    ["f64", { type: 12, value: Math.PI }],
    ["texts", { type: 9, items: 8, value: ["", "a", "Ġthe", "𝄞", "x".repeat(300)] }],
    ["bools", { type: 9, items: 7, value: [true, false] }],
    ["i32s", { type: 9, items: 5, value: [1, -1] }],
    ["f32s", { type: 9, items: 6, value: [0.25, -Infinity] }],
    ["u64s", { type: 9, items: 10, value: [2n ** 64n - 1n] }],
    ["none", { type: 9, items: 8, value: [] }],
  ],
  tensors: [
    { name: "a", axes: [64, 3], type: 8, offset: 64 }, // Q8_0: 3 rows of 2 blocks of 34 bytes
    f32("b", [2, 3, 1, 2]),
    f32("scalar", [], 288),
  ],
  dataBytes: 292,
};

function messageOf(bytes: Uint8Array, fileBytes?: number): string {
  try {
    readGGUFHeader(bytes, "m.gguf", fileBytes);
    return "no error";
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.message;
  }
}

describe("readGGUFHeader", () => {
  it.each([2, 3])("reads every type of value and tensors, version %i", (version) => {
    const header = readGGUFHeader(ggufFile({ ...sample, version }), "m.gguf");
    expect(header.version).toBe(version);
    expect(header.alignment).toBe(32);
    expect(Object.fromEntries(header.metadata)).toEqual({
      u8: 255,
      i8: -1,
      u16: 65535,
      i16: -2,
      u32: 4294967295,
      i32: -3,
      f32: 0.5,
      bool: true,
      text: "naïve 𝄞",
      u64: Number.MAX_SAFE_INTEGER,
      "u64 large": 2n ** 64n - 1n,
      i64: -4,
      "i64 large": -(2n ** 62n),
      f64: Math.PI,
      texts: ["", "a", "Ġthe", "𝄞", "x".repeat(300)],
      bools: [true, false],
      i32s: Int32Array.of(1, -1),
      f32s: Float32Array.of(0.25, -Infinity),
      u64s: BigUint64Array.of(2n ** 64n - 1n),
      none: [],
    });
    const { dataStart } = header;
    expect(dataStart % 32).toBe(0);
    expect(header.tensors).toEqual([
      { name: "a", shape: [3, 64], type: 8, begin: dataStart + 64, end: dataStart + 64 + 204 },
      { name: "b", shape: [2, 1, 3, 2], type: 0, begin: dataStart, end: dataStart + 48 },
      { name: "scalar", shape: [], type: 0, begin: dataStart + 288, end: dataStart + 292 },
    ]);
  });

  it("heeds the file's own alignment", () => {
    const metadata: WrittenHeader["metadata"] = [["general.alignment", { type: 4, value: 128 }]];
    const bytes = ggufFile({ metadata, tensors: [f32("a", [1]), f32("b", [1], 128)], alignment: 128, dataBytes: 132 });
    const { alignment, dataStart, tensors } = readGGUFHeader(bytes);
    expect([alignment, dataStart, tensors[1].begin]).toEqual([128, 128, 256]);
  });

  it("reads a file that begins in the middle of a buffer, and from shared memory", () => {
    const bytes = ggufFile(sample);
    const expected = readGGUFHeader(bytes);
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    expect(readGGUFHeader(larger.subarray(3))).toEqual(expected);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect(readGGUFHeader(shared)).toEqual(expected);
  });

  it("says how many bytes it needs, and gets there step by step", () => {
    const bytes = ggufFile(sample);
    const whole = readGGUFHeader(bytes);
    let size = 0;
    let header: GGUFHeader | undefined;
    let asked = 0;
    while (header === undefined) {
      try {
        header = readGGUFHeader(bytes.subarray(0, size), "m.gguf", bytes.length);
      } catch (error) {
        const { needed } = (error as FormatError).details;
        if (typeof needed !== "number") throw error;
        expect(needed).toBeGreaterThan(size);
        expect(needed).toBeLessThanOrEqual(whole.dataStart);
        size = needed;
        asked++;
      }
    }
    expect(header).toEqual(whole);
    expect(asked).toBeGreaterThan(20);
    expect(messageOf(bytes.subarray(0, 30), bytes.length)).toBe(
      "m.gguf: key of metadata entry 0, byte 24: the first 32 bytes of the file are needed, got 30",
    );
  });

  it("names every type of tensor", () => {
    expect(GGML_TYPES.get(0)).toEqual({ name: "F32", items: 1, bytes: 4 });
    expect(GGML_TYPES.get(12)).toEqual({ name: "Q4_K", items: 256, bytes: 144 });
    expect(GGML_TYPES.get(4)).toBeUndefined();
    for (const { items, bytes } of GGML_TYPES.values()) expect([1, 32, 256].includes(items) && bytes > 0).toBe(true);
  });
});

const one = (value: Typed): Uint8Array => ggufFile({ metadata: [["k", value]] });
const patch = (bytes: Uint8Array, at: number, value: bigint): Uint8Array => {
  new DataView(bytes.buffer).setBigUint64(at, value, true);
  return bytes;
};
/** In a file with one metadata entry "k": byte 24 length of the key, 33 type, 37 value; of an array: 37 type, 41 count, 49 items. */
const VALUE = 37;

const hostile: Record<string, [Uint8Array, string]> = {
  "no bytes": [new Uint8Array(0), "m.gguf: start, byte 0: truncated: needs 4 bytes, the file ends after 0"],
  "another format": [
    new TextEncoder().encode("PK\x03\x04 and more bytes"),
    'byte 0: not a GGUF file: it does not begin with "GGUF"',
  ],
  "Git LFS pointer": [
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"),
    "fetch it with `git lfs pull`",
  ],
  "version 1": [ggufFile({ version: 1 }), "version, byte 4: version 1 is not supported; versions 2 and 3 are read"],
  "big-endian": [ggufFile({ version: 0x03000000 }), "this file is big-endian; little-endian files 2 and 3 are read"],
  "2^63 tensors": [
    ggufFile({ tensorCount: 2n ** 63n }),
    "the number of tensors, byte 8: 9223372036854776000 cannot be",
  ],
  "2^63 entries": [
    ggufFile({ entryCount: 2n ** 63n }),
    "the number of metadata entries, byte 16: 9223372036854776000 cannot",
  ],
  "one entry too many": [ggufFile({ ...sample, entryCount: 21n }), "m.gguf: "],
  "key of 2^64 - 1 bytes": [
    patch(one(text("")), 24, 2n ** 64n - 1n),
    "key of metadata entry 0, byte 32: truncated: needs 18446744073709552000 bytes, the file ends after",
  ],
  "string of 2^63 bytes": [
    patch(one(text("")), VALUE, 2n ** 63n),
    'metadata "k", byte 45: truncated: needs 9223372036854776000 bytes',
  ],
  "array of 2^63 strings": [
    patch(one({ type: 9, items: 8, value: [] }), 41, 2n ** 63n),
    'metadata "k", byte 49: truncated',
  ],
  "array of 2^62 numbers": [
    patch(one({ type: 9, items: 5, value: [] }), 41, 2n ** 62n),
    'metadata "k", byte 49: truncated',
  ],
  "array of 2^63 bools": [
    patch(one({ type: 9, items: 7, value: [] }), 41, 2n ** 63n),
    'metadata "k", byte 49: truncated',
  ],
  "array of arrays": [
    one({ type: 9, items: 9, value: [] }),
    'metadata "k", byte 37: arrays of arrays are not supported',
  ],
  "unknown type": [patch(one(text("")), 33, 13n), 'metadata "k", byte 37: value type 13 is not known'],
  "array of an unknown type": [one({ type: 9, items: 99, value: [] }), "value type 99 is not known"],
  "bool of 2": [one({ type: 7, value: 2 }), 'metadata "k", byte 37: a bool must be 0 or 1, got 2'],
  "key twice": [
    ggufFile({
      metadata: [
        ["k", text("a")],
        ["k", text("b")],
      ],
    }),
    'metadata "k", byte 46: the key occurs twice',
  ],
  "text that is not UTF-8": [
    patch(one(text("12345678")), 45, 0xffn),
    'metadata "k", byte 45: the text is not valid UTF-8',
  ],
  "key that is not UTF-8": [
    patch(one(text("12345678")), 32, 0xffn),
    "key of metadata entry 0, byte 32: the text is not valid",
  ],
  "alignment 0": [ggufFile({ metadata: [["general.alignment", { type: 4, value: 0 }]] }), '"general.alignment", byte'],
  "alignment 48": [
    ggufFile({ metadata: [["general.alignment", { type: 4, value: 48 }]] }),
    "must be a power of two, got 48",
  ],
  "alignment in letters": [
    ggufFile({ metadata: [["general.alignment", text("32")]] }),
    'must be a power of two, got "32"',
  ],
  "five axes": [
    ggufFile({ tensors: [f32("a", [1, 1, 1, 1, 1])], dataBytes: 4 }),
    'tensor "a", byte 37: 5 axes; at most 4 are allowed',
  ],
  "2^32 - 1 axes": [patch(ggufFile({ tensors: [f32("a", [1])], dataBytes: 4 }), 33, 2n ** 32n - 1n), "4294967295 axes"],
  "unknown tensor type": [
    ggufFile({ tensors: [{ ...f32("a", [1]), type: 4 }] }),
    'tensor "a", byte 49: type 4 is not known',
  ],
  "half a block": [
    ggufFile({ tensors: [{ ...f32("a", [48]), type: 2 }] }),
    "Q4_0 has blocks of 32, which do not fill rows of 48",
  ],
  "offset not aligned": [
    ggufFile({ tensors: [f32("a", [1], 4)], dataBytes: 8 }),
    "its offset 4 is not a multiple of 32",
  ],
  "name twice": [
    ggufFile({ tensors: [f32("a", [1]), f32("a", [1], 32)], dataBytes: 36 }),
    'tensor "a", byte 57: the name occurs twice',
  ],
  overlap: [
    ggufFile({ tensors: [f32("a", [16]), f32("b", [1], 32)], dataBytes: 64 }),
    'tensor "b", byte 128: overlaps another by 32 bytes',
  ],
  "behind the end": [
    ggufFile({ tensors: [f32("a", [1], 64)], dataBytes: 8 }),
    'tensor "a", byte 128: truncated: it ends at byte 132, the file at 72',
  ],
  "offset of 2^63": [
    ggufFile({ tensors: [f32("a", [1], 2n ** 63n)], dataBytes: 8 }),
    'tensor "a", byte 9223372036854776000: truncated',
  ],
  "axis beyond the safe integers": [
    ggufFile({ tensors: [{ ...f32("a", []), axes: [2n ** 63n, 0] }] }),
    'tensor "a", byte 53: an axis of 9223372036854776000',
  ],
  "shape of 2^200": [
    ggufFile({ tensors: [{ ...f32("a", []), axes: [2n ** 50n, 2n ** 50n, 2n ** 50n, 2n ** 50n] }] }),
    "truncated: it ends at",
  ],
};

describe("damaged and hostile files", () => {
  it.each(Object.entries(hostile))("%s", (_, [bytes, message]) => {
    const start = performance.now();
    expect(messageOf(bytes)).toContain(message);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it("are refused wherever they end", () => {
    const bytes = ggufFile(sample);
    for (let size = 0; size < bytes.length; size++)
      expect(messageOf(bytes.slice(0, size)), String(size)).toContain("m.gguf: ");
    expect(messageOf(bytes)).toBe("no error");
  });

  it("give a FormatError or a header, whatever bytes are changed", () => {
    const bytes = ggufFile(sample);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const changed = bytes.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        const message = messageOf(changed);
        expect(message === "no error" || message.startsWith("m.gguf: ")).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("come back as they were written, whatever texts they hold", () => {
    const texts = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 30 });
    fc.assert(
      fc.property(texts, (value) => {
        const wellFormed = value.map((s) => s.replace(/\p{Surrogate}/gu, "\uFFFD"));
        const { metadata } = readGGUFHeader(one({ type: 9, items: 8, value: wellFormed }));
        expect(metadata.get("k")).toEqual(wellFormed);
      }),
    );
  });
});

describeWithData("real files", () => {
  it("reads the vocabulary of GPT-2", () => {
    const { metadata, tensors } = readGGUFHeader(readFileSync(dataPath("tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf")));
    expect(metadata.get("general.architecture")).toBe("gpt2");
    expect((metadata.get("tokenizer.ggml.merges") as string[])[0]).toBe("Ġ t");
    expect(tensors).toEqual([]);
  });

  it.each(["f32", "F16", "Q8_0"])("reads the directory of stories260K-%s", (kind) => {
    const bytes = readFileSync(dataPath(`stories260K/gguf/stories260K-${kind}.gguf`));
    const { tensors } = readGGUFHeader(bytes);
    expect(tensors).toHaveLength(48);
    expect(tensors.find(({ name }) => name === "blk.0.ffn_down.weight")?.shape).toEqual([64, 172]);
    expect(Math.max(...tensors.map(({ end }) => end))).toBeLessThanOrEqual(bytes.length);
  });
});
