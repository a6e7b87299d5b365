/** Attention and its gradient against the plain loops, and what must not depend on where arrays lie or how the range is split. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttentionSizes } from "../../../src/backend/backend.ts";
import { loops } from "../../../src/backend/loops/loops.ts";
import { createWasm } from "../../../src/backend/wasm/wasm.ts";
import { distance, randomFloats } from "../loops/random-data.ts";

const { kernels, memory } = createWasm({ threads: 1, relaxed: false });

const sizesArbitrary: fc.Arbitrary<AttentionSizes> = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    nKvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    seq: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 140 })),
    past: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 300 })),
    room: fc.integer({ min: 0, max: 3 }),
    headDim: fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 16, 18, 32, 48, 64, 80),
    causal: fc.integer({ min: 0, max: 1 }),
    window: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300 })),
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

/** Gives an array its home: as it is, or a copy in the memory of the kernels. */
type Place = (array: Float32Array) => Float32Array;
const outside: Place = (array) => array;
const inside: Place = (array) => {
  const home = memory.lend(array.length);
  home.set(array);
  return home;
};

const GUARD = 777;
const guarded: (() => void)[] = [];
/** In the memory of the kernels, at an address that is no multiple of 16, between numbers that must stay; `guarded` checks them. */
const amidst: Place = (array) => {
  const whole = memory.lend(array.length + 14).fill(GUARD);
  const home = whole.subarray(7, 7 + array.length);
  home.set(array);
  guarded.push(() => {
    for (const around of [whole.subarray(0, 7), whole.subarray(7 + array.length)])
      expect([...around]).toEqual(Array.from(around, () => GUARD));
  });
  return home;
};

/** Seeded q, k, v and the gradient of the output; rows past keyLen hold NaN, which must never be read. */
function inputs(s: AttentionSizes): Record<"q" | "k" | "v" | "gradOut", Float32Array> {
  const q = randomFloats(s.batch * s.nHeads * s.seq * s.headDim, 1);
  const k = randomFloats(s.batch * s.nKvHeads * s.keyRows * s.headDim, 2);
  const v = randomFloats(k.length, 3);
  for (let row = 0; row < k.length / s.headDim; row++) {
    if (row % s.keyRows < s.keyLen) continue;
    k.fill(NaN, row * s.headDim, (row + 1) * s.headDim);
    v.fill(NaN, row * s.headDim, (row + 1) * s.headDim);
  }
  return { q, k, v, gradOut: randomFloats(q.length, 4) };
}

/** Runs `each` over [0, count) in parts that end at the cuts. */
function inParts(count: number, cuts: readonly number[], each: (begin: number, end: number) => void): void {
  const ends = [...new Set([...cuts.map((cut) => cut % count), count])].filter((end) => end > 0).sort((a, b) => a - b);
  ends.forEach((end, i) => each(i === 0 ? 0 : ends[i - 1], end));
}

const empty = (size: number): Float32Array => new Float32Array(size).fill(NaN);

/** Copies of [out, logSumExp]. */
function forward(
  s: AttentionSizes,
  given: { q: Float32Array; k: Float32Array; v: Float32Array },
  options: { on?: typeof kernels; scale?: number; place?: Place; cuts?: readonly number[] } = {},
): Float32Array[] {
  const { on = kernels, scale = 1 / Math.sqrt(s.headDim), place = outside, cuts = [] } = options;
  const mark = memory.mark();
  const heads = s.batch * s.nHeads;
  const [out, logSumExp] = [empty(given.q.length), empty(heads * s.seq)].map(place);
  const [q, k, v] = [given.q, given.k, given.v].map(place);
  inParts(heads, cuts, (begin, end) => on.attention(out, logSumExp, q, k, v, s, scale, begin, end));
  for (const check of guarded.splice(0)) check();
  memory.giveBack(mark);
  return [out.slice(), logSumExp.slice()];
}

/** Copies of [gradQ, gradK, gradV]. */
function backward(
  s: AttentionSizes,
  given: ReturnType<typeof inputs>,
  [out, logSumExp]: readonly Float32Array[],
  options: { on?: typeof kernels; place?: Place; cuts?: readonly number[] } = {},
): Float32Array[] {
  const { on = kernels, place = outside, cuts = [] } = options;
  const mark = memory.mark();
  const { q, k, v, gradOut } = given;
  const [gradQ, gradK, gradV] = [empty(q.length), empty(k.length), empty(k.length)].map(place);
  const [a, b, c, d, e, f] = [gradOut, out, logSumExp, q, k, v].map(place);
  inParts(s.batch * s.nKvHeads, cuts, (begin, end) =>
    on.attentionBackward(gradQ, gradK, gradV, a, b, c, d, e, f, s, 1 / Math.sqrt(s.headDim), begin, end),
  );
  for (const check of guarded.splice(0)) check();
  memory.giveBack(mark);
  return [gradQ, gradK, gradV].map((array) => array.slice());
}

const bits = (arrays: readonly Float32Array[]): number[][] =>
  arrays.map((array) => [...new Uint32Array(array.buffer, array.byteOffset, array.length)]);

const sizes = (given: Partial<AttentionSizes>): AttentionSizes => {
  const { batch = 1, nHeads = 1, nKvHeads = nHeads, seq = 1, keyLen = seq, headDim = 4, causal = 1 } = given;
  return {
    batch,
    nHeads,
    nKvHeads,
    seq,
    keyLen,
    keyRows: given.keyRows ?? keyLen,
    headDim,
    causal,
    window: given.window ?? keyLen,
  };
};

describe("attention of the wasm backend", () => {
  it("agrees with the loops", () => {
    fc.assert(
      fc.property(sizesArbitrary, (s) => {
        const given = inputs(s);
        const expected = forward(s, given, { on: loops.kernels });
        forward(s, given).forEach((got, i) => expect(distance(got, expected[i])).toBeLessThan(3e-6));
      }),
      { numRuns: 60 },
    );
  });

  it("has the gradient of the loops, with zeros for rows without keys", () => {
    fc.assert(
      fc.property(sizesArbitrary, (s) => {
        const given = inputs(s);
        const saved = forward(s, given, { on: loops.kernels });
        const expected = backward(s, given, saved, { on: loops.kernels });
        backward(s, given, saved).forEach((got, i) => expect(distance(got, expected[i])).toBeLessThan(1e-5));
      }),
      { numRuns: 40 },
    );
  });

  it("gives the same bits wherever arrays lie and however the range is split, and touches nothing else", () => {
    fc.assert(
      fc.property(sizesArbitrary, fc.array(fc.nat(30), { maxLength: 3 }), (s, cuts) => {
        const given = inputs(s);
        const saved = forward(s, given);
        const grads = backward(s, given, saved);
        for (const place of [outside, inside, amidst]) {
          expect(bits(forward(s, given, { place, cuts }))).toEqual(bits(saved));
          expect(bits(backward(s, given, saved, { place, cuts }))).toEqual(bits(grads));
        }
      }),
      { numRuns: 25 },
    );
  });

  it.each([2048, 8192])("keeps its precision over %i keys", (keyLen) => {
    for (const seq of [1, 9]) {
      const s = sizes({ nHeads: 2, nKvHeads: 1, seq, keyLen, headDim: 64 });
      const given = inputs(s);
      const expected = forward(s, given, { on: loops.kernels });
      forward(s, given).forEach((got, i) => expect(distance(got, expected[i])).toBeLessThan(3e-6));
    }
  });

  it.each([1, 20])("treats infinite and unknown scores as the loops do, %i queries", (seq) => {
    const s = sizes({ batch: 3, seq, keyLen: seq + 10, headDim: 1, causal: 0 });
    const given = inputs(s);
    given.q.fill(-1, 0, seq); // every score of the first item is -Infinity
    given.k.fill(Infinity, 0, s.keyLen);
    given.q[seq] = NaN; // one query of the second
    given.k[2 * s.keyLen + 3] = NaN; // one key of the third
    const [out, logSumExp] = forward(s, given);
    const expected = forward(s, given, { on: loops.kernels });
    expect(distance(out, expected[0])).toBeLessThan(1e-6);
    expect(distance(logSumExp, expected[1])).toBeLessThan(1e-6);
    expect([...out.subarray(0, seq)]).toEqual(Array.from({ length: seq }, () => 0));
    expect(logSumExp[0]).toBe(-Infinity);
    expect(out[seq]).toBeNaN();
  });

  it.each([1, 20])("gives zeros where there are no keys, %i queries", (seq) => {
    const s = sizes({ seq, keyLen: 0, keyRows: 2, causal: 0 });
    const given = inputs(s);
    const saved = forward(s, given);
    expect(saved[0].every((value) => value === 0)).toBe(true);
    expect(saved[1].every((value) => value === -Infinity)).toBe(true);
    for (const grad of backward(s, given, saved)) expect(grad.every((value) => value === 0)).toBe(true);
  });

  it("passes no gradient to the query and the key where there is one key alone", () => {
    const s = sizes({ batch: 2, seq: 1, headDim: 64 });
    const given = inputs(s);
    const [gradQ, gradK, gradV] = backward(s, given, forward(s, given));
    for (const grad of [gradQ, gradK]) expect(grad.every((value) => value === 0)).toBe(true);
    expect(gradV).toEqual(given.gradOut);
  });

  it("stands scores in the thousands", () => {
    const s = sizes({ seq: 12 });
    const given = inputs(s);
    const [out] = forward(s, given, { scale: 4000 });
    // A score of 4,000 has an error of 2e-4 in 32 bits, and its exponential the same relative one.
    expect(distance(out, forward(s, given, { scale: 4000, on: loops.kernels })[0])).toBeLessThan(1e-3);
  });
});
