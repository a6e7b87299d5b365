/** GGML's blocks against what libggml makes of them. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../../src/errors.ts";
import { GGML_TYPES } from "../../../src/formats/gguf-header.ts";
import { DEQUANTIZED, dequantize, quantize } from "../../../src/formats/quantized/blocks.ts";
import { dataPath, describeWithData } from "../../data.ts";
import { fingerprint, randomBytes } from "./random-blocks.ts";

/**
 * Random blocks of 1024 numbers: the type, where its scales stand in a block, and what dequantize_row_* of libggml gives: the
 * fingerprint of all numbers, and numbers 0, 17, 100 and 255.
 */
const GOLDEN: [type: string, scales: number[], all: number, some: number[]][] = [
  ["Q8_0", [0], 0x7d5d0a5a, [-6.1856689453125, -5.8447265625, 2.421875, 3.57794189453125]],
  ["Q4_0", [0], 0x9fd27ca4, [-0.3409423828125, 0.1461181640625, 0.3734130859375, 0.035614013671875]],
  ["Q4_1", [0, 2], 0x4fe6109f, [0.549285888671875, 0.208343505859375, 0.5311279296875, -0.00634765625]],
  ["Q5_0", [0], 0x76a411a2, [0.292236328125, -0.3896484375, 0.5474853515625, -0.626739501953125]],
  ["Q5_1", [0, 2], 0x803db986, [0.159637451171875, 1.231170654296875, -0.61419677734375, -0.47674560546875]],
  ["Q2_K", [80, 82], 0x417efc25, [-0.129730224609375, -1.736358642578125, -0.5189208984375, -1.444915771484375]],
  ["Q3_K", [108], 0xa878d878, [-0.86004638671875, 2.08868408203125, -0, -4.423095703125]],
  ["Q4_K", [0, 2], 0xe3608a51, [7.1544189453125, 6.5699462890625, 11.7764892578125, 19.940032958984375]],
  ["Q5_K", [0, 2], 0xa6ae2021, [4.2320556640625, 17.6749267578125, 5.6395263671875, 11.562591552734375]],
  ["Q6_K", [208], 0xcde5ef1e, [-65.513916015625, 114.9346923828125, 149.80316162109375, -0]],
  ["IQ4_NL", [0], 0xeebe8471, [-5.0654296875, 1.850830078125, 6.0279541015625, 0.462982177734375]],
];

function sizesOf(type: string): { items: number; bytes: number } {
  const found = [...GGML_TYPES.values()].find(({ name }) => name === type);
  if (found === undefined) throw new Error(`no type ${type}`);
  return found;
}

/** Random blocks whose scales, of either sign, have an exponent near 2^-5. */
function randomBlocks(type: string, scales: number[], numbers: number): Uint8Array {
  const { items, bytes: blockBytes } = sizesOf(type);
  const bytes = randomBytes((numbers / items) * blockBytes);
  for (let at = 0; at < bytes.length; at += blockBytes)
    for (const scale of scales) bytes[at + scale + 1] = (bytes[at + scale + 1] & 0x83) | 0x28;
  return bytes;
}

describe("dequantize", () => {
  it("knows the types that the tests know", () => {
    expect([...DEQUANTIZED].sort()).toEqual(["F32", "F16", "BF16", ...GOLDEN.map(([type]) => type)].sort());
  });

  it.each(GOLDEN)("%s gives libggml's numbers, bit for bit", (type, scales, all, some) => {
    const out = new Float32Array(1024);
    dequantize(type, randomBlocks(type, scales, 1024), out);
    expect([0, 17, 100, 255].map((i) => out[i])).toEqual(some);
    expect(fingerprint(out)).toBe(all);
  });

  it.each(DEQUANTIZED)("%s reads blocks at any address and writes nothing beside its numbers", (type) => {
    const { items, bytes: blockBytes } = sizesOf(type);
    const scales = GOLDEN.find(([name]) => name === type)?.[1] ?? [];
    const bytes = randomBlocks(type, scales, 2 * items);
    const expected = new Float32Array(2 * items);
    dequantize(type, bytes, expected);
    const odd = Buffer.alloc(2 * blockBytes + 1);
    odd.set(bytes, 1);
    const room = new Float32Array(2 * items + 2).fill(7);
    dequantize(type, odd.subarray(1), room.subarray(1, -1));
    expect(new Uint8Array(room.slice(1, -1).buffer)).toEqual(new Uint8Array(expected.buffer));
    expect([room[0], room.at(-1)]).toEqual([7, 7]);
  });

  it("lets a scale of Infinity or NaN through", () => {
    const out = new Float32Array(32);
    dequantize("Q4_0", Uint8Array.of(0x00, 0x7c, 0x98, ...new Uint8Array(15)), out);
    expect([out[0], out[16], out[1]]).toEqual([NaN, Infinity, -Infinity]); // 0, 1 and -8 times Infinity
    dequantize("Q4_0", Uint8Array.of(0x00, 0x7e, ...new Uint8Array(16)), out);
    expect(out).toEqual(new Float32Array(32).fill(NaN));
  });

  it("has nothing to do for no numbers", () => {
    for (const type of DEQUANTIZED) dequantize(type, new Uint8Array(0), new Float32Array(0));
  });

  it.each([
    ["Q9_9", 0, 0, /^dequantize: type must be one of F32, F16, .*IQ4_NL, got "Q9_9"$/],
    ["__proto__", 0, 0, /got "__proto__"/],
    ["IQ2_XS", 74, 256, /got "IQ2_XS"/],
    ["Q4_K", 144, 255, "dequantize: 255 numbers are no whole number of Q4_K blocks of 256"],
    ["Q4_K", 143, 256, "dequantize: 256 numbers as Q4_K are 144 bytes, got 143"],
    ["F16", 5, 2, "dequantize: 2 numbers as F16 are 4 bytes, got 5"],
  ])("refuses %s with %i bytes for %i numbers", (type, bytes, numbers, message) => {
    const call = (): void => dequantize(type, new Uint8Array(bytes), new Float32Array(numbers));
    expect(call).toThrow(FormatError);
    expect(call).toThrow(message);
  });
});

describe("quantize", () => {
  it.each([
    ["Q4_1", 20, 32, /^quantize: type must be one of F32, F16, BF16, Q8_0, Q4_0, got "Q4_1"$/],
    ["toString", 0, 0, /got "toString"/],
    ["Q8_0", 34, 31, "quantize: 31 numbers are no whole number of Q8_0 blocks of 32"],
    ["Q4_0", 34, 32, "quantize: 32 numbers as Q4_0 are 18 bytes, got 34"],
  ])("refuses %s with %i bytes for %i numbers", (type, bytes, numbers, message) => {
    const call = (): void => quantize(type as "F32", new Float32Array(numbers), new Uint8Array(bytes));
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });

  it.each(["F32", "F16", "BF16", "Q8_0", "Q4_0"] as const)("%s writes at any address, and only there", (type) => {
    const x = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
    const { items, bytes } = sizesOf(type);
    const expected = new Uint8Array((64 / items) * bytes);
    quantize(type, x, expected);
    const room = new Uint8Array(expected.length + 2).fill(7);
    quantize(type, x, room.subarray(1, -1));
    expect(room).toEqual(Uint8Array.of(7, ...expected, 7));
  });

  it("F32 and back keeps every bit", () => {
    const x = new Float32Array(randomBytes(4096).buffer); // some are NaN
    const bytes = new Uint8Array(4096);
    quantize("F32", x, bytes);
    const back = new Float32Array(1024);
    dequantize("F32", bytes, back);
    expect(new Uint32Array(back.buffer)).toEqual(new Uint32Array(x.buffer));
  });
});

describeWithData("libggml's dequantised blocks", () => {
  it.each(["F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q6_K"])("%s, bit for bit", (type) => {
    const expected = readFileSync(dataPath("quant", `${type}.f32`));
    const out = new Float32Array(expected.length / 4);
    dequantize(type, readFileSync(dataPath("quant", `${type}.bin`)), out);
    expect(Buffer.compare(new Uint8Array(out.buffer), expected)).toBe(0);
  });
});
