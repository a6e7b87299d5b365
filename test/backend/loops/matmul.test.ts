import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matmul, matmulNaive } from "../../../src/backend/loops/matmul.ts";
import { distance, randomFloats } from "./random-data.ts";

const flag = fc.integer({ min: 0, max: 1 });

/** Runs a rung on seeded data. */
function product(
  rung: typeof matmul,
  batch: number,
  m: number,
  k: number,
  n: number,
  transposeA: number,
  transposeB: number,
): Float32Array {
  const out = new Float32Array(batch * m * n).fill(NaN);
  rung(
    out,
    randomFloats(batch * m * k, 1),
    randomFloats(batch * k * n, 2),
    batch,
    m,
    k,
    n,
    transposeA,
    transposeB,
    0,
    batch * m,
  );
  return out;
}

describe("matmul", () => {
  it("multiplies a small example in all four orientations", () => {
    const a = new Float32Array([1, 2, 3, 4, 5, 6]); // [2, 3]
    const aTurned = new Float32Array([1, 4, 2, 5, 3, 6]);
    const b = new Float32Array([7, 8, 9, 10, 11, 12]); // [3, 2]
    const bTurned = new Float32Array([7, 9, 11, 8, 10, 12]);
    for (const rung of [matmulNaive, matmul]) {
      for (const transposeA of [0, 1]) {
        for (const transposeB of [0, 1]) {
          const out = new Float32Array(4);
          rung(out, transposeA ? aTurned : a, transposeB ? bTurned : b, 1, 2, 3, 2, transposeA, transposeB, 0, 2);
          expect([...out]).toEqual([58, 64, 139, 154]);
        }
      }
    }
  });

  it("agrees with the naive rung over random shapes and orientations", () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        size,
        size,
        size,
        flag,
        flag,
        (batch, m, k, n, transposeA, transposeB) => {
          const naive = product(matmulNaive, batch, m, k, n, transposeA, transposeB);
          expect(distance(product(matmul, batch, m, k, n, transposeA, transposeB), naive)).toBeLessThan(1e-6);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("agrees with the naive rung where k and n span several blocks", () => {
    for (const [m, k, n] of [
      [70, 1100, 37],
      [1, 1100, 150],
      [2, 9, 600],
      [300, 260, 5],
    ] as const) {
      for (const orientation of [0, 1, 2, 3]) {
        const naive = product(matmulNaive, 1, m, k, n, orientation & 1, orientation >> 1);
        expect(distance(product(matmul, 1, m, k, n, orientation & 1, orientation >> 1), naive)).toBeLessThan(1e-6);
      }
    }
  });

  it("gives the same bits for every split of the rows", () => {
    const size = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        size,
        size,
        size,
        flag,
        flag,
        fc.infiniteStream(fc.integer({ min: 1, max: 12 })),
        (batch, m, k, n, transposeA, transposeB, steps) => {
          const a = randomFloats(batch * m * k, 1);
          const b = randomFloats(batch * k * n, 2);
          const out = new Float32Array(batch * m * n).fill(NaN);
          for (let row = 0; row < batch * m;) {
            const end = Math.min(batch * m, row + (steps.next().value as number));
            matmul(out, a, b, batch, m, k, n, transposeA, transposeB, row, end);
            row = end;
          }
          expect(out).toEqual(product(matmul, batch, m, k, n, transposeA, transposeB));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("writes zeros where k is 0, and nothing where n is 0", () => {
    const out = new Float32Array(6).fill(NaN);
    matmul(out, new Float32Array(0), new Float32Array(0), 1, 2, 0, 3, 0, 0, 0, 2);
    expect([...out]).toEqual([0, 0, 0, 0, 0, 0]);
    matmul(new Float32Array(0), new Float32Array(4), new Float32Array(0), 1, 2, 2, 0, 0, 0, 0, 2);
  });

  it("lets NaN and Infinity through", () => {
    const a = randomFloats(8 * 8, 1);
    a[3] = NaN;
    a[13] = Infinity;
    const out = new Float32Array(64);
    matmul(out, a, new Float32Array(64).fill(1), 1, 8, 8, 8, 0, 0, 0, 8);
    expect(out[0]).toBeNaN();
    expect(out[8]).toBe(Infinity);
    expect(Number.isFinite(out[16])).toBe(true);
  });
});
