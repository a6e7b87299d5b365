/** Matrices in smaller forms than 32-bit floats. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backendMemory } from "../../src/backend/current.ts";
import { DisposedError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { STORED_FORMS, StoredMatrix, storedRowBytes } from "../../src/tensor/stored.ts";
import type { StoredType } from "../../src/tensor/stored.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { expectError } from "../expect-error.ts";
import { TYPES, randomStored } from "../stored-cases.ts";

describe("StoredMatrix", () => {
  it("knows the bytes of a row", () => {
    expect(TYPES.map((type) => storedRowBytes(type, 64))).toEqual([128, 128, 68, 36]);
  });

  it("refuses rows that are no whole number of blocks, and too few or too many bytes", () => {
    for (const type of TYPES) {
      const size = 2 * storedRowBytes(type, 64);
      expect(new StoredMatrix(type, [2, 64], new Uint8Array(size)).rowBytes).toBe(size / 2);
      for (const wrong of [0, size - 1, size + 1])
        expectError(
          () => new StoredMatrix(type, [2, 64], new Uint8Array(wrong)),
          ShapeError,
          new RegExp(`${size} bytes, got ${wrong}`),
        );
    }
    expectError(() => new StoredMatrix("q8_0", [1, 33], new Uint8Array(35)), ShapeError, /whole blocks of 32/);
  });

  it("widens halves exactly: every value of 16 bits", () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const matrix = new StoredMatrix("f16", [256, 256], new Uint8Array(bits.buffer));
    const wide = matrix.widened();
    expect([0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00].map((i) => wide[i])).toEqual([
      0,
      -0,
      1,
      -2,
      65504,
      2 ** -24,
      2 ** -14,
      Infinity,
    ]);
    expect(wide[0x7e00]).toBeNaN();
    const upper = new Uint32Array(new StoredMatrix("bf16", [256, 256], new Uint8Array(bits.buffer)).widened().buffer);
    const isNaNBits = (i: number): boolean => (i & 0x7f80) === 0x7f80 && (i & 0x7f) !== 0;
    expect(bits.every((i) => isNaNBits(i) || upper[i] >>> 16 === i)).toBe(true);
  });

  it("widens blocks: the scale times the whole numbers", () => {
    const q8 = new Uint8Array(34);
    q8.set([0x00, 0x38, 1, 0xff, 127, 0x80]); // d = 0.5
    expect([...new StoredMatrix("q8_0", [1, 32], q8).widened().subarray(0, 5)]).toEqual([0.5, -0.5, 63.5, -64, 0]);
    const q4 = new Uint8Array(18).fill(0x88);
    q4.set([0x00, 0xc0, 0xf0]); // d = -2; the first byte holds numbers 0 and 16
    const wide = new StoredMatrix("q4_0", [1, 32], q4).widened();
    expect([wide[0], wide[16], wide[1]]).toEqual([16, -14, -0]);
  });
});

describe("StoredMatrix.halvesAreFinite", () => {
  /** A matrix of one row whose bytes begin `offset` bytes into their buffer. */
  const make = (type: StoredType, cols: number, offset: number): StoredMatrix => {
    const { bytes } = randomStored(type, 1, cols, new Random(cols));
    const room = new Uint8Array(offset + bytes.length + 4).fill(0x7c); // what lies around it does not count
    room.set(bytes, offset);
    return new StoredMatrix(type, [1, cols], room.subarray(offset, offset + bytes.length));
  };

  it("is true of finite numbers, and of all of bf16", () => {
    for (const type of TYPES)
      for (const offset of [0, 1, 2, 3]) expect(make(type, 96, offset).halvesAreFinite, type).toBe(true);
    expect(new StoredMatrix("f16", [0, 32], new Uint8Array(0)).halvesAreFinite).toBe(true);
    expect(new StoredMatrix("f16", [1, 2], Uint8Array.of(0xff, 0x7b, 0xff, 0xfb)).halvesAreFinite).toBe(true);
    expect(new StoredMatrix("bf16", [1, 1], Uint8Array.of(0x80, 0x7f)).halvesAreFinite).toBe(true);
  });

  it("finds infinities and NaN wherever they stand", () => {
    for (const bits of [0x7c00, 0xfc00, 0x7c01, 0xffff])
      for (const offset of [0, 1, 2, 3]) {
        for (const cols of [1, 2, 7, 32_769])
          for (const place of [0, cols >> 1, cols - 1]) {
            const matrix = make("f16", cols, offset);
            matrix.bytes.set([bits & 255, bits >> 8], 2 * place);
            expect(matrix.halvesAreFinite, `${bits} at ${place} of ${cols}`).toBe(false);
          }
        for (const type of ["q8_0", "q4_0"] as const) {
          const matrix = make(type, 96, offset);
          matrix.bytes.set([bits & 255, bits >> 8], 2 * STORED_FORMS[type].blockBytes);
          expect(matrix.halvesAreFinite, type).toBe(false);
        }
      }
  });

  it("takes the bytes of a Node Buffer at an odd place", () => {
    const bytes = Buffer.from([0, 0, 0, 0, 0, 0x7c, 0x7c]).subarray(1, 5);
    expect(new StoredMatrix("f16", [1, 2], bytes).halvesAreFinite).toBe(true);
    expect(new StoredMatrix("f16", [1, 1], bytes.subarray(2)).halvesAreFinite).toBe(true);
    bytes[3] = 0xfc;
    expect(new StoredMatrix("f16", [1, 2], bytes).halvesAreFinite).toBe(false);
  });
});

describeBackends((name) => {
  it("the numbers stay the same wherever the bytes move", () => {
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), fc.integer({ min: 1, max: 5 }), fc.nat(), (type, rows, seed) => {
        const source = randomStored(type, rows, 64, new Random(seed));
        const expected = [...source.widened()];
        const moved = new StoredMatrix(type, source.shape, source.bytes.slice());
        expect(moved.moveInto(backendMemory())).toBe(name === "wasm");
        const pinned = StoredMatrix.pinned(type, source.shape);
        pinned.bytes.set(source.bytes);
        for (const matrix of [moved, pinned]) {
          expect([...matrix.bytes]).toEqual([...source.bytes]);
          expect([...matrix.widened()]).toEqual(expected);
          matrix.release();
          expectError(() => matrix.bytes, DisposedError, /release/);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("a tensor of a stored matrix", () => {
  const make = (type: StoredType): Tensor => Tensor.ofStored(randomStored(type, 3, 64, new Random(1)));

  it("has the shape and the widened numbers, each time in an array of its own, and takes no gradient", () => {
    for (const type of TYPES) {
      const tensor = make(type);
      expect([tensor.shape, tensor.size, tensor.requiresGrad]).toEqual([[3, 64], 192, false]);
      expect(tensor.stored?.form).toBe(STORED_FORMS[type].code);
      expect([...tensor.data]).toEqual([...(tensor.stored as StoredMatrix).widened()]);
      expect(tensor.data).not.toBe(tensor.data);
    }
  });

  it("throws after release", () => {
    const tensor = make("q8_0");
    tensor.release();
    expectError(() => tensor.data, DisposedError, /read after release/);
  });

  it("gives its numbers to the tensor that adopts it", () => {
    const [plain, stored] = [new Tensor(new Float32Array(192).fill(1), [3, 64], true), make("f16")];
    const numbers = [...stored.data];
    plain.adopt(stored);
    expect([[...plain.data], plain.requiresGrad, plain.stored?.type]).toEqual([numbers, false, "f16"]);
    expectError(() => stored.data, DisposedError, /read after release/);
    expectError(() => plain.adopt(new Tensor(new Float32Array(3), [3])), ShapeError, /adopt: other is \[3\]/);
  });
});
