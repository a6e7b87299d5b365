/** Small worked examples of the kernels that have no suite of their own. */
import { describe, expect, it } from "vitest";
import { loops } from "../../../src/backend/loops/loops.ts";
import { SUM_CHUNK } from "../../../src/backend/backend.ts";
import { randomFloats } from "./random-data.ts";

const k = loops.kernels;
const f = (...values: number[]): Float32Array => new Float32Array(values);
const empty = (count: number): Float32Array => new Float32Array(count).fill(NaN);

describe("elementwise kernels", () => {
  it("repeat the shorter operand", () => {
    const out = empty(4);
    k.add(out, f(1, 2, 3, 4), f(10, 20), 4, 2, 0, 4);
    expect([...out]).toEqual([11, 22, 13, 24]);
    k.sub(out, f(1), f(1, 2, 3, 4), 1, 4, 0, 4);
    expect([...out]).toEqual([0, -1, -2, -3]);
    k.mul(out, f(1, 2, 3, 4), f(3), 4, 1, 1, 3);
    expect([...out]).toEqual([0, 6, 9, -3]);
    k.div(out, f(1, 2, 3, 4), f(2, 4, 0, -0), 4, 4, 0, 4);
    expect([...out]).toEqual([0.5, 0.5, Infinity, -Infinity]);
  });
});

describe("reductions", () => {
  it("sum and maximise along an axis", () => {
    const x = f(1, 5, 2, 5, 3, 4); // [1, 3, 2]
    const out = empty(2);
    const indices = new Int32Array(2);
    k.sumAxis(out, x, 1, 3, 2, 0, 2);
    expect([...out]).toEqual([6, 14]);
    k.maxAxis(out, indices, x, 1, 3, 2, 0, 2);
    expect([[...out], [...indices]]).toEqual([
      [3, 5],
      [2, 0],
    ]);
    const grad = empty(6);
    k.maxAxisBackward(grad, f(7, 8), indices, 1, 3, 2, 0, 2);
    expect([...grad]).toEqual([0, 8, 0, 0, 7, 0]);
  });

  it("let the first NaN win a maximum", () => {
    const out = empty(1);
    const indices = new Int32Array(1);
    k.maxAxis(out, indices, f(1, NaN, 9, NaN), 1, 4, 1, 0, 1);
    expect([out[0], indices[0]]).toEqual([NaN, 1]);
    k.maxAxis(out, indices, f(-Infinity, -Infinity), 1, 2, 1, 0, 1);
    expect([out[0], indices[0]]).toEqual([-Infinity, 0]);
  });

  it("sum an empty axis to 0", () => {
    const out = empty(3);
    k.sumAxis(out, f(), 3, 0, 1, 0, 3);
    expect([...out]).toEqual([0, 0, 0]);
  });

  it("sum squares chunk by chunk", () => {
    const partials = new Float64Array(2);
    k.sumSquares(partials, new Float32Array(SUM_CHUNK + 3).fill(2), SUM_CHUNK + 3, 0, 2);
    expect([...partials]).toEqual([4 * SUM_CHUNK, 12]);
  });
});

describe("layout kernels", () => {
  it("repeat rows", () => {
    const out = empty(8);
    k.expand(out, f(1, 2, 3, 4), 2, 2, 2, 0, 2);
    expect([...out]).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  });

  it.each([
    [2, 3, 1, 4, 1],
    [2, 3, 2, 4, 5],
    [1, 33, 1, 40, 1],
    [2, 3, 2, 2, 100],
  ])("swap two axes of [%i, %i, %i, %i, %i]", (outer, rows, middle, cols, inner) => {
    const x = Float32Array.from({ length: outer * rows * middle * cols * inner }, (_, i) => i);
    const out = empty(x.length);
    k.transpose(out, x, outer, rows, middle, cols, inner, 0, outer * cols);
    const expected: number[] = [];
    for (let o = 0; o < outer; o++)
      for (let c = 0; c < cols; c++)
        for (let m = 0; m < middle; m++)
          for (let r = 0; r < rows; r++)
            for (let i = 0; i < inner; i++) expected.push((((o * rows + r) * middle + m) * cols + c) * inner + i);
    expect([...out]).toEqual(expected);
  });

  it("copy runs between strides", () => {
    const out = new Float32Array(8);
    k.copyRuns(out, f(1, 2, 3, 4, 5, 6), 2, 4, 1, 3, 1, 0, 2);
    expect([...out]).toEqual([0, 2, 3, 0, 0, 5, 6, 0]);
  });

  it("gather rows and add their gradients up", () => {
    const ids = new Int32Array([2, 0, 2]);
    const out = empty(6);
    k.gather(out, f(1, 2, 3, 4, 5, 6), ids, 3, 2, 0, 3);
    expect([...out]).toEqual([5, 6, 1, 2, 5, 6]);
    const grad = empty(6);
    k.scatterAdd(grad, f(1, 10, 2, 20, 3, 30), ids, 3, 3, 2, 0, 3);
    expect([...grad]).toEqual([2, 20, 0, 0, 4, 40]);
  });
});

describe("rotary", () => {
  it("turns halves or neighbours by a quarter, and back", () => {
    const x = f(1, 2, 3, 4);
    const out = empty(4);
    const zero = f(0, 0);
    const one = f(1, 1);
    k.rotary(out, x, zero, one, 1, 1, 4, 0, 0, 0, 1);
    expect([...out]).toEqual([-3, -4, 1, 2]);
    k.rotary(out, x, zero, one, 1, 1, 4, 1, 0, 0, 1);
    expect([...out]).toEqual([-2, 1, -4, 3]);
    for (const pairs of [0, 1]) {
      const turned = empty(60);
      const back = empty(60);
      const data = randomFloats(60, 1);
      const angles = randomFloats(10, 2); // [seq 5, headDim / 2]
      const cos = angles.map(Math.cos);
      const sin = angles.map(Math.sin);
      k.rotary(turned, data, cos, sin, 3, 5, 4, pairs, 0, 0, 3);
      k.rotary(back, turned, cos, sin, 3, 5, 4, pairs, 1, 0, 3);
      back.forEach((value, i) => expect(value).toBeCloseTo(data[i], 5));
    }
  });
});

describe("adamW", () => {
  it("takes PyTorch's first step: decay, then a step of the learning rate along the sign", () => {
    const [param, m, v] = [empty(2), empty(2), empty(2)];
    const scalars = {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weightDecay: 0.01,
      correction1: 0.1,
      correction2: 0.001,
      gradScale: 0.5,
    };
    k.adamW(param, m, v, f(1, -2), f(4, -6), f(0, 0), f(0, 0), scalars, 0, 2);
    expect(param[0]).toBeCloseTo(1 * 0.999 - 0.1, 6);
    expect(param[1]).toBeCloseTo(-2 * 0.999 + 0.1, 6);
    expect([m[0], m[1]]).toEqual([Math.fround(0.2), Math.fround(-0.3)]);
    expect(v[0]).toBeCloseTo(0.004, 9);
  });

  it("follows the formula over later steps", () => {
    const [param, m, v] = [empty(1), empty(1), empty(1)];
    const s = {
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-3,
      weightDecay: 0.1,
      correction1: 1 - 0.9 ** 3,
      correction2: 1 - 0.99 ** 3,
      gradScale: 1,
    };
    k.adamW(param, m, v, f(0.5), f(0.25), f(0.125), f(0.0625), s, 0, 1);
    const first = 0.9 * 0.125 + 0.1 * 0.25;
    const second = 0.99 * 0.0625 + 0.01 * 0.0625;
    const expected = 0.5 * (1 - 0.001) - (0.01 * (first / s.correction1)) / (Math.sqrt(second / s.correction2) + 1e-3);
    expect(param[0]).toBeCloseTo(expected, 7);
  });
});
