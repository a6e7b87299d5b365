/** 16-bit floats against the definition of their formats, every bit pattern of both. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { widenBF16, widenF16 } from "../../src/formats/half.ts";
import { dataPath, describeWithData } from "../data.ts";

const everyPattern = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer);

function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

describe("widenF16", () => {
  it("gives (-1)^sign · 2^(exponent - 15) · 1.fraction, subnormals, infinities and NaN for every pattern", () => {
    const values = widenF16(everyPattern);
    for (let i = 0; i < 65_536; i++) {
      const [sign, exponent, fraction] = [i >> 15 === 1 ? -1 : 1, (i >> 10) & 31, i & 1023];
      const special = fraction === 0 ? sign * Infinity : NaN;
      const expected =
        exponent === 31
          ? special
          : exponent === 0
            ? sign * fraction * 2 ** -24
            : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (!Object.is(values[i], expected)) expect({ i, value: values[i] }).toEqual({ i, value: expected });
    }
  });

  it("keeps the payload of NaN", () => {
    expect([...bits(widenF16(Uint8Array.of(0x01, 0xfe, 0x01, 0x7c)))]).toEqual([0xffc02000, 0x7f802000]);
  });
});

describe("widenBF16", () => {
  it("puts the bits into the upper half, for every pattern", () => {
    const wide = bits(widenBF16(everyPattern));
    expect(wide.every((pattern, i) => pattern === i * 65_536)).toBe(true);
  });
});

describeWithData("libggml's conversion", () => {
  it.each([
    ["F16", widenF16],
    ["BF16", widenBF16],
  ] as const)("%s, bit for bit", (name, widen) => {
    const expected = readFileSync(dataPath("quant", `${name}.f32`));
    const values = widen(readFileSync(dataPath("quant", `${name}.bin`)));
    expect(Buffer.compare(new Uint8Array(values.buffer), expected)).toBe(0);
  });
});
