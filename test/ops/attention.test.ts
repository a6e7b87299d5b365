/** Attention against the formula, written with loops. */
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { backend } from "../../src/backend/current.ts";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Random } from "../../src/random.ts";
import { attention, attentionMaps } from "../../src/ops/attention.ts";
import type { AttentionOptions } from "../../src/ops/attention.ts";
import { concat, slice } from "../../src/ops/layout.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones, randn, tensor, zeros } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { distance } from "../golden.ts";
import { expectError } from "../expect-error.ts";
import { length } from "../random-cases.ts";

afterEach(() => backend.use("auto"));

interface Drawn {
  q: Tensor;
  k: Tensor;
  v: Tensor;
  options: AttentionOptions & { causal: boolean; keyLen: number };
}

const inputs: fc.Arbitrary<Drawn> = fc
  .tuple(
    length(2),
    length(3),
    length(2),
    length(5),
    length(4, 0),
    length(3, 0),
    length(6),
    fc.boolean(),
    fc.nat(),
    length(9, 0),
    fc.boolean(),
  )
  .map(([batch, shared, nKvHeads, seq, past, room, headDim, causal, seed, window, capped]) => {
    const random = new Random(seed);
    const keys = [batch, nKvHeads, seq + past + room, headDim];
    const [q, k, v] = [
      randn([batch, shared * nKvHeads, seq, headDim], random),
      randn(keys, random),
      randn(keys, random),
    ];
    const options = { causal, keyLen: seq + past, ...(capped && { softcap: 0.7 }) };
    return { q, k, v, options: causal && window > 0 ? { ...options, window } : options };
  });

/** Scores and output by the formula, one query at a time, in double precision. */
function byFormula({ q, k, v, options: { causal, keyLen, window = Infinity, softcap } }: Drawn): {
  scores: number[];
  weights: number[];
  out: number[];
} {
  const [batch, nHeads, seq, headDim] = q.shape;
  const [, nKvHeads, keyRows] = k.shape;
  const row = (x: Tensor, index: number): number[] => [...x.data.subarray(index * headDim, (index + 1) * headDim)];
  const found = { scores: [] as number[], weights: [] as number[], out: [] as number[] };
  for (let head = 0; head < batch * nHeads; head++) {
    const keyHead = Math.floor(head / nHeads) * nKvHeads + Math.floor((head % nHeads) / (nHeads / nKvHeads));
    for (let i = 0; i < seq; i++) {
      const query = row(q, head * seq + i);
      const scores = Array.from({ length: keyLen }, (_, j) => {
        const place = keyLen - seq + i;
        if (causal && (j > place || j <= place - window)) return -Infinity;
        const score =
          row(k, keyHead * keyRows + j).reduce((total, value, at) => total + value * query[at], 0) / Math.sqrt(headDim);
        return softcap === undefined ? score : softcap * Math.tanh(score / softcap);
      });
      const powers = scores.map(Math.exp);
      const weights = powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
      found.scores.push(...scores);
      found.weights.push(...weights);
      for (let at = 0; at < headDim; at++)
        found.out.push(
          weights.reduce((total, weight, j) => total + weight * v.data[(keyHead * keyRows + j) * headDim + at], 0),
        );
    }
  }
  return found;
}

describe("attention", () => {
  it("equals the formula for grouped heads, past keys, room behind them, windows, caps, causal or not", () => {
    fc.assert(
      fc.property(inputs, (drawn) => {
        const { q, k, v, options } = drawn;
        const out = attention(q, k, v, options);
        expect(out.shape).toEqual(q.shape);
        expect(distance(out.data, byFormula(drawn).out)).toBeLessThan(2e-6);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("is causal by default: the first query sees only the first key", () => {
    const random = new Random(1);
    const [q, k, v] = [0, 1, 2].map(() => randn([1, 1, 4, 2], random));
    const out = attention(q, k, v);
    expect([...out.data.subarray(0, 2)]).toEqual([...v.data.subarray(0, 2)]);
    const later = concat([slice(v, { axis: 2, end: 3 }), ones([1, 1, 1, 2])], { axis: 2 });
    expect([...attention(q, k, later).data.subarray(0, 6)]).toEqual([...out.data.subarray(0, 6)]);
  });

  it("of the last queries over all keys equals the last rows of attention over everything", () => {
    backend.use("loops"); // whose sums have the same order whatever the number of rows
    const random = new Random(2);
    const [q, k, v] = [0, 1, 2].map(() => randn([2, 3, 7, 4], random));
    const whole = attention(q, k, v);
    const last = attention(slice(q, { axis: 2, start: 4 }), k, v);
    expect([...last.data]).toEqual([...slice(whole, { axis: 2, start: 4 }).data]);
  });

  it("never reads rows beyond keyLen, and gives them no gradient", () => {
    const random = new Random(3);
    const q = randn([1, 2, 2, 4], random, { requiresGrad: true });
    const [k, v] = [0, 1].map(() => randn([1, 1, 5, 4], random, { requiresGrad: true }));
    const out = attention(q, k, v, { keyLen: 3 });
    for (const x of [k, v]) x.data.fill(NaN, 3 * 4);
    expect([...attention(q, k, v, { keyLen: 3 }).data]).toEqual([...out.data]);
    sum(attention(q, k, v, { keyLen: 3 })).backward();
    for (const x of [q, k, v]) expect(x.grad?.data.every(Number.isFinite)).toBe(true);
    for (const x of [k, v]) expect([...(x.grad as Tensor).data.subarray(12)]).toEqual(Array(8).fill(0));
  });

  it("scales scores by 1 / √headDim unless told otherwise", () => {
    const random = new Random(4);
    const [q, k, v] = [0, 1, 2].map(() => randn([1, 1, 3, 4], random));
    expect([...attention(q, k, v, { scale: 0.5 }).data]).toEqual([...attention(q, k, v).data]);
    const even = attention(q, k, v, { scale: 0, causal: false }).data.subarray(0, 4);
    expect(
      distance(
        even,
        [0, 1, 2, 3].map((at) => (v.data[at] + v.data[4 + at] + v.data[8 + at]) / 3),
      ),
    ).toBeLessThan(1e-6);
  });

  it("survives scores far beyond what exp can hold", () => {
    const q = tensor([1000, 0], [1, 1, 1, 2]);
    const k = tensor([1000, 0, -1000, 0], [1, 1, 2, 2]);
    expect(attention(q, k, tensor([1, 2, 3, 4], [1, 1, 2, 2]), { causal: false }).toArray()).toEqual([[[[1, 2]]]]);
  });
});

describe("attentionMaps", () => {
  it("shows the scores and weights of the formula, and weights · v is what attention computes", () => {
    fc.assert(
      fc.property(inputs, (drawn) => {
        const { q, k, v, options } = drawn;
        const { scores, weights } = attentionMaps(q, k, options);
        const expected = byFormula(drawn);
        expect(scores.shape).toEqual([...q.shape.slice(0, 3), options.keyLen]);
        expect(weights.shape).toEqual(scores.shape);
        expect(distance(scores.data, expected.scores)).toBeLessThan(2e-6);
        expect(distance(weights.data, expected.weights)).toBeLessThan(2e-6);
        if (q.shape[1] === k.shape[1]) {
          expect(
            distance(
              matmul(weights, slice(v, { axis: 2, end: options.keyLen })).data,
              attention(q, k, v, options).data,
            ),
          ).toBeLessThan(2e-6);
        }
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it("records nothing", () => {
    const q = ones([1, 1, 2, 2], { requiresGrad: true });
    const { scores, weights } = attentionMaps(q, q);
    expect([scores.requiresGrad, weights.requiresGrad]).toEqual([false, false]);
  });
});

describe("attention errors", () => {
  const q = zeros([2, 4, 3, 8]);
  const agree =
    "attention: k and v must agree with each other, and with q in batch and headDim, and their heads must divide q's: ";

  it("name all three shapes", () => {
    const three = (k: number[], v: number[]): string =>
      `q is [2, 4, 3, 8], k is [${k.join(", ")}], v is [${v.join(", ")}]`;
    const bad: [number[], number[]][] = [
      [
        [2, 3, 3, 8],
        [2, 3, 3, 8],
      ],
      [
        [1, 4, 3, 8],
        [1, 4, 3, 8],
      ],
      [
        [2, 4, 3, 6],
        [2, 4, 3, 6],
      ],
      [
        [2, 4, 3, 8],
        [2, 4, 4, 8],
      ],
    ];
    for (const [k, v] of bad) expectError(() => attention(q, zeros(k), zeros(v)), ShapeError, agree + three(k, v));
    expectError(
      () => attention(q, zeros([4, 3, 8]), q),
      ShapeError,
      `attention: needs [batch, heads, seq, headDim] three times: ${three([4, 3, 8], [2, 4, 3, 8])}`,
    );
  });

  it("name a keyLen that does not fit", () => {
    const shapes = "q is [2, 4, 3, 8], k is [2, 4, 3, 8], v is [2, 4, 3, 8]";
    expectError(
      () => attention(q, q, q, { keyLen: 4 }),
      ShapeError,
      `attention: keyLen 4 must be from 3 to 3: ${shapes}`,
    );
    expectError(
      () => attention(q, q, q, { keyLen: 2 }),
      ShapeError,
      `attention: keyLen 2 must be from 3 to 3: ${shapes}`,
    );
    expectError(
      () => attention(q, q, q, { keyLen: 0, causal: false }),
      ShapeError,
      `attention: keyLen 0 must be from 1 to 3: ${shapes}`,
    );
    expectError(
      () => attention(q, q, q, { keyLen: 2.5, causal: false }),
      ShapeError,
      `attention: keyLen 2.5 must be from 1 to 3: ${shapes}`,
    );
    const fewer = zeros([2, 4, 2, 8]);
    expectError(() => attention(q, fewer, fewer), ShapeError, /^attention: keyLen 2 must be from 3 to 2/);
  });

  it("name an unknown option and a scale that is no number", () => {
    expectError(
      () => attention(q, q, q, { isCausal: true } as object),
      ConfigError,
      'attention: unknown option "isCausal"; known options: causal, scale, keyLen, window, softcap',
    );
    expectError(
      () => attention(q, q, q, { scale: NaN }),
      ConfigError,
      "attention: scale must be a number finite, got NaN",
    );
  });
});
