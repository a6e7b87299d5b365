/** Hostile and damaged safetensors files: each is refused with a FormatError that says what and where. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeedError } from "../../src/errors.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors-writer.ts";

/** A file with this header text and this many bytes of data. */
function file(header: string | Uint8Array, dataBytes = 0, announced?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, announced ?? BigInt(json.length), true);
  out.set(json, 8);
  return out;
}

function entry(name: string, shape: unknown, offsets: unknown, dtype: unknown = "F32"): string {
  return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`;
}

/** A tensor with one field that is a list of lists, 20 000 deep. */
function nestedEntry(field: string): Uint8Array {
  const fields = { dtype: '"F32"', shape: "[1]", data_offsets: "[0,4]", [field]: "[".repeat(2e4) + "]".repeat(2e4) };
  const texts = Object.entries(fields).map(([name, text]) => `"${name}":${text}`);
  return file(`{"a":{${texts.join()}}}`, 4);
}

function messageOf(bytes: Uint8Array): string {
  try {
    const opened = readSafetensors(bytes, { name: "m.safetensors" });
    for (const name of opened.names) opened.tensor(name);
    return "no error";
  } catch (error) {
    if (!(error instanceof HeedError)) throw error;
    expect(error.code).toBe("format");
    return error.message;
  }
}

const hostile: Record<string, [Uint8Array, string]> = {
  "no bytes": [
    new Uint8Array(0),
    "truncated: a safetensors file begins with 8 bytes of header length, this one ends after 0",
  ],
  "seven bytes": [
    new Uint8Array(7),
    "truncated: a safetensors file begins with 8 bytes of header length, this one ends after 7",
  ],
  "header longer than the file": [
    file("{}", 0, 1000n),
    "truncated: the header has 1000 bytes, of which 998 are missing",
  ],
  "header of 2^64 - 1 bytes": [
    file("{}", 0, 2n ** 64n - 1n),
    "not a safetensors file: its first 8 bytes announce a header of 18446744073709552000 bytes, at most 100000000 are allowed",
  ],
  "header one byte over the limit": [file("{}", 0, 100_000_001n), "announce a header of 100000001 bytes"],
  "empty header": [file(""), 'not a safetensors file: its header does not begin with "{"'],
  "header begins with a space": [file(" {}"), 'does not begin with "{"'],
  "header is a list": [file("[]"), 'does not begin with "{"'],
  "not JSON": [file("{nonsense}"), "the header is not valid JSON: "],
  "JSON goes on": [file("{}{}"), "the header is not valid JSON: "],
  "not UTF-8": [file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), "the header is not valid UTF-8"],
  "lists nested a million deep": [file(`{"a":${"[".repeat(1e6)}`), "the header is not valid JSON: "],
  "Git LFS pointer": [
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "this is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`",
  ],
  GGUF: [new TextEncoder().encode("GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0"), "not a safetensors file"],
  "entry is a number": [file('{"a":1}'), 'tensor "a": its entry is not an object'],
  "entry is null": [file('{"a":null}'), 'tensor "a": its entry is not an object'],
  "no dtype": [
    file('{"a":{"shape":[],"data_offsets":[0,4]}}', 4),
    'tensor "a": dtype nothing is not supported; supported: BOOL, U8',
  ],
  "dtype of another kind": [
    file(`{${entry("a", [4], [0, 4], "F8_E5M2")}}`, 4),
    'tensor "a": dtype "F8_E5M2" is not supported',
  ],
  "dtype from the prototype": [
    file(`{${entry("a", [4], [0, 4], "toString")}}`, 4),
    'tensor "a": dtype "toString" is not supported',
  ],
  "dtype is a list": [file(`{${entry("a", [1], [0, 4], ["F32"])}}`, 4), 'tensor "a": dtype ["F32"] is not supported'],
  "dtype is nested deeper than the stack": [nestedEntry("dtype"), 'tensor "a": dtype an array is not supported'],
  "shape is nested deeper than the stack": [nestedEntry("shape"), "shape must be a list of whole numbers >= 0, got an"],
  "offsets are nested deeper than the stack": [nestedEntry("data_offsets"), "0 <= begin <= end, got an array"],
  "no shape": [
    file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4),
    'tensor "a": shape must be a list of whole numbers >= 0, got nothing',
  ],
  "negative axis": [file(`{${entry("a", [-1], [0, 4])}}`, 4), "shape must be a list of whole numbers >= 0, got [-1]"],
  "two negative axes": [file(`{${entry("a", [-1, -1], [0, 4])}}`, 4), "shape must be a list of whole numbers >= 0"],
  "half an axis": [file(`{${entry("a", [0.5, 2], [0, 4])}}`, 4), "shape must be a list of whole numbers >= 0"],
  "axis is a text": [file(`{${entry("a", ["1"], [0, 4])}}`, 4), "shape must be a list of whole numbers >= 0"],
  "axis beyond the safe integers": [
    file('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
    "shape must be a list of whole numbers >= 0",
  ],
  "huge shape": [
    file(`{${entry("a", [2 ** 40, 2 ** 40], [0, 4])}}`, 4),
    "F32 [1099511627776,1099511627776] takes 4.835703278458517e+24 bytes, but data_offsets [0,4] hold 4",
  ],
  "product that overflows to 0 in 64 bits": [file(`{${entry("a", [2 ** 31, 2 ** 31], [0, 0])}}`), "hold 0"],
  "product beyond all numbers, then 0": [
    file(`{${entry("a", [...new Array<number>(30).fill(2 ** 50), 0], [0, 0])}}`),
    "takes NaN bytes",
  ],
  "huge offsets": [
    file(`{${entry("a", [2 ** 50], [0, 2 ** 52])}}`, 4),
    'truncated: 4503599627370492 bytes are missing, the first of them in tensor "a"',
  ],
  "no offsets": [
    file('{"a":{"dtype":"F32","shape":[]}}'),
    'tensor "a": data_offsets must be [begin, end] with 0 <= begin <= end, got nothing',
  ],
  "three offsets": [file(`{${entry("a", [1], [0, 2, 4])}}`, 4), "data_offsets must be [begin, end]"],
  "offsets in reverse": [file(`{${entry("a", [1], [4, 0])}}`, 4), "data_offsets must be [begin, end]"],
  "negative offset": [file(`{${entry("a", [1], [-4, 0])}}`, 4), "data_offsets must be [begin, end]"],
  "offset in letters": [file(`{${entry("a", [1], ["0", "4"])}}`, 4), "data_offsets must be [begin, end]"],
  "size differs from shape": [
    file(`{${entry("a", [2], [0, 4])}}`, 4),
    'tensor "a": F32 [2] takes 8 bytes, but data_offsets [0,4] hold 4',
  ],
  overlap: [
    file(`{${entry("a", [2], [0, 8])},${entry("b", [2], [4, 12])}}`, 12),
    'tensor "b" overlaps the one before it by 4 bytes',
  ],
  "same place twice": [
    file(`{${entry("a", [1], [0, 4])},${entry("b", [1], [0, 4])}}`, 4),
    'tensor "b" overlaps the one before it by 4 bytes',
  ],
  "hole between": [
    file(`{${entry("a", [1], [0, 4])},${entry("b", [1], [8, 12])}}`, 12),
    'a hole of 4 bytes lies before tensor "b"',
  ],
  "hole at the beginning": [file(`{${entry("a", [1], [4, 8])}}`, 8), 'a hole of 4 bytes lies before tensor "a"'],
  "bytes left over": [file(`{${entry("a", [1], [0, 4])}}`, 7), "3 bytes behind the last tensor belong to none"],
  "data without tensors": [file("{}", 1), "1 bytes behind the last tensor belong to none"],
  "truncated data": [
    file(`{${entry("a", [1], [0, 4])},${entry("b", [2], [4, 12])},${entry("c", [1], [12, 16])}}`, 7),
    'truncated: 9 bytes are missing, the first of them in tensor "b"',
  ],
  "name twice": [file(`{${entry("a", [1], [0, 4])},${entry("a", [1], [4, 8])}}`, 8), 'the header names "a" twice'],
  "name twice, once escaped": [
    file(`{${entry("a", [1], [0, 4])},${entry("a", [1], [0, 4]).replace('"a"', '"\\u0061"')}}`, 4),
    'the header names "a" twice',
  ],
  "metadata twice": [file('{"__metadata__":{},"__metadata__":{}}'), 'the header names "__metadata__" twice'],
  "metadata is a list": [file('{"__metadata__":[]}'), '"__metadata__" must be an object of texts'],
  "metadata is null": [file('{"__metadata__":null}'), '"__metadata__" must be an object of texts'],
  "metadata holds a number": [file('{"__metadata__":{"a":1}}'), '"__metadata__" must be an object of texts'],
  "integer beyond 32-bit floats": [
    file(`{${entry("a", [1], [0, 4], "I32")}}`, 4).fill(0x7f, -4),
    'tensor "a": the I32 number at index 0, about 2139062143, has no exact 32-bit float',
  ],
  "a very long name": [
    file(`{${entry("a".repeat(1e6), [2], [0, 4])}}`, 4),
    `tensor "${"a".repeat(80)}…": F32 [2] takes`,
  ],
};

describe("hostile files", () => {
  it.each(Object.entries(hostile))("%s", (_, [bytes, expected]) => {
    const message = messageOf(bytes);
    expect(message).toContain(expected);
    expect(message.startsWith("m.safetensors: ")).toBe(true);
    expect(message.length).toBeLessThan(400);
  });
});

describe("harmless oddities", () => {
  it("names of object prototypes are names like any other", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "0", '"', "\\", "é", "\ud800"];
    const opened = readSafetensors(
      file(`{${names.map((name, i) => entry(name, [1], [4 * i, 4 * i + 4])).join(",")}}`, 4 * names.length),
    );
    expect(opened.names).toEqual(names);
    expect(names.every((name) => opened.has(name) && opened.tensor(name).data.length === 1)).toBe(true);
    expect(opened.has("valueOf")).toBe(false);
    expect(() => opened.tensor("valueOf")).toThrow('there is no tensor "valueOf" among its 10');
  });

  it("nested keys, unknown fields, blanks and any order of entries are fine", () => {
    const json = `{ "b" : {"shape":[1],"dtype":"F32","data_offsets":[4,8],"x":{"dtype":["b",{"b":1}]}},\n"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   `;
    expect(readSafetensors(file(json, 8)).names).toEqual(["a", "b"]);
  });

  it("a file without tensors is one", () => {
    expect(readSafetensors(file("{}")).names).toEqual([]);
  });
});

const sample = writeSafetensors(
  new Map([
    ["h.0.attn.c_attn.weight", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["empty", { shape: [0, 7], data: new Float32Array(0) }],
    ["scalar", { shape: [], data: Float32Array.of(7) }],
  ]),
);

describe("a valid file", () => {
  it("cut off at any byte is refused", () => {
    for (let length = 0; length < sample.length; length++)
      expect(messageOf(sample.slice(0, length))).toMatch(/truncated|missing/);
  });

  it("with any byte changed is read or refused, but nothing else", () => {
    const change = fc.record({ at: fc.nat(sample.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = sample.slice();
        for (const { at, value } of changes) bytes[at] = value;
        messageOf(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  it("with every single bit flipped is read or refused, but nothing else", () => {
    let refused = 0;
    for (let bit = 0; bit < 8 * sample.length; bit++) {
      const bytes = sample.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      if (messageOf(bytes) !== "no error") refused++;
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
