/** Products with weights in smaller forms than 32-bit floats. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { linear } from "../../src/ops/matmul.ts";
import { STORED_FORMS } from "../../src/tensor/stored.ts";
import { ones, randn } from "../../src/tensor/create.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { describeBackends } from "../backends.ts";
import { TYPES, randomStored } from "../stored-cases.ts";

describeBackends(() => {
  describe("linear with a stored weight", () => {
    it("equals linear with the widened one, for few rows and for many", () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...TYPES),
          fc.constantFrom(1, 2, 7, 8, 9, 33),
          fc.integer({ min: 1, max: 3 }),
          fc.constantFrom(1, 2, 5, 17, 300),
          fc.nat(),
          (type, rows, blocks, n, seed) => {
            const random = new Random(seed);
            const weight = Tensor.ofStored(randomStored(type, n, 32 * blocks, random));
            const [x, bias] = [randn([rows, 32 * blocks], random), randn([n], random)];
            const expected = linear(x, new Tensor(weight.data, weight.shape), bias);
            const got = linear(x, weight, bias);
            expect(got.shape).toEqual([rows, n]);
            const scale = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
            got.data.forEach((value, i) => expect(Math.abs(value - expected.data[i])).toBeLessThan(1e-4 * scale));
          },
        ),
        { numRuns: 40 },
      );
    });

    it("takes panel after panel of a matrix that is larger than one", () => {
      const random = new Random(4);
      const weight = Tensor.ofStored(randomStored("f16", 700, 1024, random));
      const x = randn([9, 1024], random);
      const expected = linear(x, new Tensor(weight.data, weight.shape));
      linear(x, weight).data.forEach((value, i) => expect(value).toBeCloseTo(expected.data[i], 2));
    });

    it.each(TYPES)("is right where a number of %s, or the scale of a block, is not finite", (type) => {
      const [n, k] = [3, 64];
      const random = new Random(7);
      const { blockBytes } = STORED_FORMS[type];
      const x = new Tensor(randn([1, k], random).data.map(Math.abs), [1, k]);
      const high = type === "bf16" ? [0x7f80, 0xff80, 0x7fc0] : [0x7c00, 0xfc00, 0x7e00];
      for (const bits of high)
        for (let at = blockBytes; at < 2 * n * k; at += 7 * blockBytes) {
          const matrix = randomStored(type, n, k, random);
          if (at >= matrix.bytes.length) break;
          matrix.bytes.set([bits & 255, bits >> 8], at);
          const weight = Tensor.ofStored(matrix);
          const expected = linear(x, new Tensor(weight.data, weight.shape)).data;
          const row = Math.floor(at / matrix.rowBytes);
          expect([0, 1, 2].filter((i) => !Number.isFinite(expected[i]))).toEqual([row]);
          linear(x, weight).data.forEach((value, i) =>
            i === row ? expect(value).toBe(expected[i]) : expect(value).toBeCloseTo(expected[i], 2),
          );
        }
    });

    it("lets gradients through to x, and has none itself", () => {
      const random = new Random(5);
      const weight = Tensor.ofStored(randomStored("bf16", 6, 32, random));
      const plain = new Tensor(weight.data, weight.shape);
      const gradOf = (matrix: Tensor): number[] => {
        const x = new Tensor(randn([2, 32], new Random(6)).data, [2, 32], true);
        linear(x, matrix).backward(ones([2, 6]));
        return (x.grad as Tensor).toArray<number[]>();
      };
      expect(gradOf(weight)).toEqual(gradOf(plain));
      expect(weight.grad).toBe(null);
    });
  });
});
