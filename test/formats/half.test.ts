/** 16-bit floats against the definition of their formats, every bit pattern of both. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { f16Bits, f16Values, narrowBF16, narrowF16, widenBF16, widenF16 } from "../../src/formats/half.ts";
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

/** Kinds of 16-bit floats by name: the pattern of Infinity, the first bit of a fraction, the number of bits of one. */
const kinds = [
  ["F16", { widen: widenF16, narrow: narrowF16, infinity: 0x7c00, quiet: 0x200, fractionBits: 10 }],
  ["BF16", { widen: widenBF16, narrow: narrowBF16, infinity: 0x7f80, quiet: 0x40, fractionBits: 7 }],
] as const;

describe.each(kinds)("narrow%s", (name, { widen, narrow, infinity, quiet, fractionBits }) => {
  const wide = widen(everyPattern);
  const words = (x: Float32Array | number[]): Uint16Array => new Uint16Array(narrow(Float32Array.from(x)).buffer);
  /** The two neighbours of a positive number among the 32-bit floats. */
  const beside = (x: number): number[] => {
    const [pattern] = bits(Float32Array.of(x));
    return [...new Float32Array(Uint32Array.of(pattern - 1, pattern + 1).buffer)];
  };

  it("gives every pattern back; a signalling NaN becomes quiet", () => {
    const back = new Uint16Array(narrow(wide).buffer);
    const expected = Uint16Array.from({ length: 65_536 }, (_, i) => ((i & 0x7fff) > infinity ? i | quiet : i));
    expect(back).toEqual(expected);
  });

  it("rounds to the nearest, ties to even, between all neighbours of both signs", () => {
    const [ties, below, above]: number[][] = [[], [], []];
    for (let i = 0; i < infinity; i++) {
      // Beyond the largest number stands the power of two that would come next.
      const next = i + 1 < infinity ? wide[i + 1] : 2 * wide[i] - wide[i - 1];
      const tie = wide[i] / 2 + next / 2;
      const [less, more] = beside(tie);
      ties.push(tie);
      below.push(less);
      above.push(more);
    }
    const lower = Uint16Array.from(ties, (_, i) => i);
    const upper = Uint16Array.from(ties, (_, i) => i + 1);
    const even = Uint16Array.from(ties, (_, i) => i + (i & 1));
    expect(words(ties)).toEqual(even);
    expect(words(below)).toEqual(lower);
    expect(words(above)).toEqual(upper);
    expect(words(ties.map((x) => -x))).toEqual(even.map((word) => word | 0x8000));
    expect(words(above.map((x) => -x))).toEqual(upper.map((word) => word | 0x8000));
  });

  it("keeps infinities, zeros and the upper bits of NaN", () => {
    expect([...words([Infinity, -Infinity, 3.4028234663852886e38, 0, -0])]).toEqual([
      infinity,
      infinity | 0x8000,
      infinity,
      0,
      0x8000,
    ]);
    const nans = new Float32Array(Uint32Array.of(0xffc1_2345, 0x7f80_0001).buffer);
    const expected = name === "F16" ? [0xfe09, 0x7e00] : [0xffc1, 0x7fc0];
    expect([...new Uint16Array(narrow(nans).buffer)]).toEqual(expected);
  });

  it("is never off by more than half the distance of neighbours", () => {
    fc.assert(
      fc.property(fc.float({ min: -65_504, max: 65_504, noNaN: true }), (x) => {
        const near = widen(narrow(Float32Array.of(x)))[0];
        const halfUnit = Math.max(Math.abs(x) * 2 ** (-fractionBits - 1), wide[1] / 2);
        expect(Math.abs(near - x)).toBeLessThanOrEqual(halfUnit);
      }),
    );
  });

  it("reads and writes at odd addresses, into arrays that are given", () => {
    const x = Float32Array.of(1.5, -2, 0.375);
    const room = new Uint8Array(8).fill(7);
    expect(narrow(x, room.subarray(1, 7)).byteOffset).toBe(1);
    expect(room).toEqual(Uint8Array.of(7, ...narrow(x), 7));
    const out = new Float32Array(3);
    expect(widen(Buffer.from(room.buffer, 1, 6), out)).toBe(out);
    expect(out).toEqual(x);
  });
});

describe("f16Bits and f16Values", () => {
  it("are the same conversions for single numbers", () => {
    expect(f16Values()).toEqual(widenF16(everyPattern));
    expect([0x3f80_0000, 0xbf80_0000 | 0, 0x477f_f000, 0x3300_0001, 0x3300_0000].map(f16Bits)).toEqual([
      0x3c00, 0xbc00, 0x7c00, 1, 0,
    ]);
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
