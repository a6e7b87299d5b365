/** Encoded blocks against GGML's reference quantisers, and what a block promises for its numbers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dequantize, quantize } from "../../../src/formats/quantized/blocks.ts";
import { fingerprint, randomBytes } from "./random-blocks.ts";

const BLOCK_BYTES = { Q8_0: 34, Q4_0: 18 };
type Type = keyof typeof BLOCK_BYTES;

function encode(type: Type, x: Float32Array): Uint8Array {
  const out = new Uint8Array((x.length / 32) * BLOCK_BYTES[type]);
  quantize(type, x, out);
  return out;
}

function decode(type: Type, bytes: Uint8Array): Float32Array {
  const out = new Float32Array((bytes.length / BLOCK_BYTES[type]) * 32);
  dequantize(type, bytes, out);
  return out;
}

/** A block that begins with these numbers; the rest is 0. */
function block(...start: number[]): Float32Array {
  const x = new Float32Array(32);
  x.set(start);
  return x;
}

/** The scale's 16 bits, and the first `count` integers of a single block. */
function partsOf(type: Type, x: Float32Array, count: number): { scale: number; q: number[] } {
  const bytes = encode(type, x);
  const q = type === "Q8_0" ? [...new Int8Array(bytes.buffer, 2)] : [...bytes.subarray(2)].map((pair) => pair & 15);
  return { scale: bytes[0] | (bytes[1] << 8), q: q.slice(0, count) };
}

/**
 * 64 blocks: 60 of numbers with 24 bits, each block eight times as large as the one before, from subnormal ones to 2e15; and
 * four of integers from -8 to 8, full of ties.
 */
function everySize(): Float32Array {
  const bytes = randomBytes(4 * 64 * 32);
  return Float32Array.from({ length: 64 * 32 }, (_, i) => {
    const integer = (bytes[4 * i] | (bytes[4 * i + 1] << 8) | (bytes[4 * i + 2] << 16)) - 2 ** 23;
    const row = i >> 5;
    // The ties take the remainder of a floored division.
    return row < 60 ? integer * 2 ** (3 * row - 149) : (((integer % 17) + 17) % 17) - 8;
  });
}

describe.each(["Q8_0", "Q4_0"] as const)("quantize to %s", (type) => {
  it("gives the bytes of GGML's reference quantiser", () => {
    expect(fingerprint(encode(type, everySize()))).toBe({ Q8_0: 0xc7ae8743, Q4_0: 0x889297c2 }[type]);
  });

  it("keeps a block of zeros, of either sign", () => {
    const zeros = encode(type, new Float32Array(32));
    expect(encode(type, new Float32Array(32).fill(-0))).toEqual(zeros);
    expect(decode(type, zeros).every((value) => value === 0)).toBe(true);
  });

  it("makes a block with a NaN NaN, wherever it stands, and leaves its neighbours alone", () => {
    for (const at of [0, 5, 31]) {
      const x = new Float32Array(96).fill(2);
      x[32 + at] = NaN;
      const y = decode(type, encode(type, x));
      expect(y.subarray(32, 64)).toEqual(new Float32Array(32).fill(NaN));
      expect(y.subarray(0, 32)).toEqual(y.subarray(64));
      expect(Math.abs(y[0] - 2)).toBeLessThan(0.3);
    }
  });

  it("has an infinite scale for Infinity and for numbers beyond the scale's range", () => {
    for (const huge of [Infinity, -Infinity, 3e38, 1e7]) {
      expect(partsOf(type, block(1, huge), 0).scale & 0x7fff).toBe(0x7c00);
      expect(decode(type, encode(type, block(1, huge))).some(Number.isFinite)).toBe(false);
    }
  });

  it("gives zeros where the scale is too small for 16 bits", () => {
    for (const tiny of [1e-8, 1e-38, 1e-40, 2 ** -149])
      expect(decode(type, encode(type, block(tiny, -tiny))).every((value) => value === 0)).toBe(true);
  });

  /** Ordinary blocks: the greatest number gives a scale that is neither subnormal nor infinite. */
  const blocks = fc
    .array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 32, maxLength: 32 })
    .filter((values) => values.some((value) => Math.abs(value) > 0.01))
    .chain((values) =>
      fc.integer({ min: 0, max: 18 }).map((power) => Float32Array.from(values, (v) => v * 2 ** power)),
    );

  it("is off by no more than half a step, and the rounding of the scale", () => {
    fc.assert(
      fc.property(blocks, (x) => {
        const y = decode(type, encode(type, x));
        const greatest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        // Q4_0 has no level for the opposite of its greatest number: that one is off by a whole step.
        const [step, steps] = type === "Q8_0" ? [greatest / 127, 0.5] : [greatest / 8, 1];
        const bound = steps * step + greatest * 2 ** -11;
        expect(y.every((value, i) => Math.abs(value - x[i]) <= bound * (1 + 1e-6))).toBe(true);
      }),
    );
  });

  it("gives the same block again for what a block decodes to", () => {
    fc.assert(
      fc.property(blocks, (x) => {
        const bytes = encode(type, x);
        expect(encode(type, decode(type, bytes))).toEqual(bytes);
      }),
    );
  });
});

describe("quantize to Q8_0", () => {
  it("rounds halves away from zero", () => {
    const { scale, q } = partsOf("Q8_0", block(127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -126.5), 9);
    expect(scale).toBe(0x3c00); // 1
    expect(q).toEqual([127, 1, 2, 3, -1, -2, -3, 0, -127]);
  });

  it("rounds the quotient to 32 bits first, as GGML does", () => {
    expect(partsOf("Q8_0", block(6, 3, -3), 3).q).toEqual([127, 64, -64]); // 63.499998 becomes 63.5
  });
});

describe("quantize to Q4_0", () => {
  it("puts the number of greatest magnitude at -8, the first of several", () => {
    expect(partsOf("Q4_0", block(4, -8, 8), 3)).toEqual({ scale: 0x3c00, q: [12, 0, 15] }); // 1
    expect(partsOf("Q4_0", block(4, 8, -8), 3)).toEqual({ scale: 0xbc00, q: [4, 0, 15] }); // -1
  });

  it("rounds halves up, at most to 7", () => {
    expect(partsOf("Q4_0", block(-8, 0.5, -0.5, 1.5, -7.5, 7.5, 7.4), 7).q).toEqual([0, 9, 8, 10, 1, 15, 15]);
  });

  it("rounds the quotient and then the sum to 32 bits, as GGML does", () => {
    expect(partsOf("Q4_0", block(48, 3, 27, 33), 4).q).toEqual([0, 8, 4, 3]); // one less where they are fused
    expect(partsOf("Q4_0", block(-8, 0.49999997), 2).q).toEqual([0, 9]); // 8.99999997 becomes 9
  });

  it("puts the first 16 numbers into the low halves", () => {
    const x = Float32Array.from({ length: 32 }, (_, i) => (i % 16) - 8);
    x.subarray(16).reverse();
    const bytes = encode("Q4_0", x);
    expect([...bytes.subarray(2)]).toEqual(Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4)));
  });
});
