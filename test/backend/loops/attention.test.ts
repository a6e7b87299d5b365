import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttentionSizes } from "../../../src/backend/backend.ts";
import { attentionBackward } from "../../../src/backend/loops/attention-backward.ts";
import { attention, attentionNaive } from "../../../src/backend/loops/attention.ts";
import { distance, randomFloats } from "./random-data.ts";

const sizesArbitrary: fc.Arbitrary<AttentionSizes> = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    nKvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    seq: fc.integer({ min: 1, max: 11 }),
    past: fc.integer({ min: 0, max: 6 }),
    room: fc.integer({ min: 0, max: 3 }),
    headDim: fc.integer({ min: 1, max: 9 }),
    causal: fc.integer({ min: 0, max: 1 }),
    window: fc.integer({ min: 1, max: 18 }),
  })
  .map(({ batch, nKvHeads, group, seq, past, room, headDim, causal, window }) => ({
    batch,
    nHeads: nKvHeads * group,
    nKvHeads,
    seq,
    keyLen: seq + past,
    keyRows: seq + past + room,
    headDim,
    causal,
    window,
  }));

/** Seeded q, k, v for the sizes; rows past keyLen hold NaN, which must never be read. */
function inputs(s: AttentionSizes): { q: Float32Array; k: Float32Array; v: Float32Array } {
  const q = randomFloats(s.batch * s.nHeads * s.seq * s.headDim, 1);
  const k = randomFloats(s.batch * s.nKvHeads * s.keyRows * s.headDim, 2);
  const v = randomFloats(k.length, 3);
  const rows = k.length / s.headDim;
  for (let row = 0; row < rows; row++) {
    if (row % s.keyRows < s.keyLen) continue;
    k.fill(NaN, row * s.headDim, (row + 1) * s.headDim);
    v.fill(NaN, row * s.headDim, (row + 1) * s.headDim);
  }
  return { q, k, v };
}

/** The unfused forward pass with its matrices. */
function naive(s: AttentionSizes, scale: number): { out: Float32Array; scores: Float32Array; weights: Float32Array } {
  const { q, k, v } = inputs(s);
  const heads = s.batch * s.nHeads;
  const out = new Float32Array(q.length);
  const scores = new Float32Array(heads * s.seq * s.keyLen);
  const weights = new Float32Array(scores.length);
  attentionNaive(out, scores, weights, q, k, v, s, scale, 0, heads);
  return { out, scores, weights };
}

/** The fused forward pass. */
function fused(s: AttentionSizes, scale: number): { out: Float32Array; logSumExp: Float32Array } {
  const { q, k, v } = inputs(s);
  const heads = s.batch * s.nHeads;
  const out = new Float32Array(q.length).fill(NaN);
  const logSumExp = new Float32Array(heads * s.seq).fill(NaN);
  attention(out, logSumExp, q, k, v, s, scale, 0, heads);
  return { out, logSumExp };
}

/** The gradient from the matrices of the unfused pass, by the textbook formulas. */
function naiveBackward(
  s: AttentionSizes,
  scale: number,
  gradOut: Float32Array,
): { gradQ: Float32Array; gradK: Float32Array; gradV: Float32Array } {
  const { q, k, v } = inputs(s);
  const { weights } = naive(s, scale);
  const gradQ = new Float32Array(q.length);
  const gradK = new Float32Array(k.length);
  const gradV = new Float32Array(v.length);
  const group = s.nHeads / s.nKvHeads;
  for (let row = 0; row < s.batch * s.nHeads * s.seq; row++) {
    const keys = Math.floor(Math.floor(row / s.seq) / group) * s.keyRows;
    const gradWeights = Array.from({ length: s.keyLen }, (_, j) => {
      let sum = 0;
      for (let d = 0; d < s.headDim; d++) sum += gradOut[row * s.headDim + d] * v[(keys + j) * s.headDim + d];
      return sum;
    });
    const mean = gradWeights.reduce((sum, value, j) => sum + value * weights[row * s.keyLen + j], 0);
    for (let j = 0; j < s.keyLen; j++) {
      const weight = weights[row * s.keyLen + j];
      const gradScore = weight * (gradWeights[j] - mean) * scale;
      for (let d = 0; d < s.headDim; d++) {
        gradQ[row * s.headDim + d] += gradScore * k[(keys + j) * s.headDim + d];
        gradK[(keys + j) * s.headDim + d] += gradScore * q[row * s.headDim + d];
        gradV[(keys + j) * s.headDim + d] += weight * gradOut[row * s.headDim + d];
      }
    }
  }
  return { gradQ, gradK, gradV };
}

describe("attention", () => {
  it("agrees with the unfused rung: grouped heads, past keys, room in the cache, causal or not", () => {
    fc.assert(
      fc.property(sizesArbitrary, (s) => {
        expect(distance(fused(s, 2).out, naive(s, 2).out)).toBeLessThan(1e-6);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps the log of the sum of exponentials", () => {
    fc.assert(
      fc.property(sizesArbitrary, (s) => {
        const { scores } = naive(s, 2);
        const expected = Array.from({ length: scores.length / s.keyLen }, (_, row) =>
          Math.log(
            scores.subarray(row * s.keyLen, (row + 1) * s.keyLen).reduce((sum, score) => sum + Math.exp(score), 0),
          ),
        );
        expect(distance(fused(s, 2).logSumExp, expected)).toBeLessThan(1e-6);
      }),
    );
  });

  it("shows masked scores as -Infinity, and weights that sum to 1", () => {
    const s: AttentionSizes = {
      batch: 1,
      nHeads: 1,
      nKvHeads: 1,
      seq: 3,
      keyLen: 4,
      keyRows: 5,
      headDim: 2,
      causal: 1,
      window: 4,
    };
    const { scores, weights } = naive(s, 1);
    expect([...scores].map((score) => score === -Infinity)).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
    for (let row = 0; row < 3; row++) {
      expect(weights.subarray(4 * row, 4 * row + 4).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
    }
  });

  it("stands scores in the thousands", () => {
    const s: AttentionSizes = {
      batch: 1,
      nHeads: 1,
      nKvHeads: 1,
      seq: 5,
      keyLen: 5,
      keyRows: 5,
      headDim: 4,
      causal: 1,
      window: 5,
    };
    const { out } = fused(s, 4000);
    expect(out.every(Number.isFinite)).toBe(true);
    expect(distance(out, naive(s, 4000).out)).toBeLessThan(1e-4);
  });

  it("has the gradient of the unfused rung", () => {
    fc.assert(
      fc.property(sizesArbitrary, (s) => {
        const { q, k, v } = inputs(s);
        const { out, logSumExp } = fused(s, 0.7);
        const gradOut = randomFloats(q.length, 4);
        const got = {
          gradQ: new Float32Array(q.length).fill(NaN),
          gradK: new Float32Array(k.length).fill(NaN),
          gradV: new Float32Array(v.length).fill(NaN),
        };
        attentionBackward(
          got.gradQ,
          got.gradK,
          got.gradV,
          gradOut,
          out,
          logSumExp,
          q,
          k,
          v,
          s,
          0.7,
          0,
          s.batch * s.nKvHeads,
        );
        const expected = naiveBackward(s, 0.7, gradOut);
        // gradP - rowsum(gradO ∘ O) cancels where one weight is almost 1, and O is kept in float32.
        expect(distance(got.gradQ, expected.gradQ)).toBeLessThan(3e-5);
        expect(distance(got.gradK, expected.gradK)).toBeLessThan(3e-5);
        expect(distance(got.gradV, expected.gradV)).toBeLessThan(3e-6);
      }),
      { numRuns: 150 },
    );
  });
});
