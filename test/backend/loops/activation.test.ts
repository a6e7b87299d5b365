import { describe, expect, it } from "vitest";
import * as activation from "../../../src/backend/loops/activation.ts";
import { distance } from "./random-data.ts";

const x = Float32Array.from({ length: 401 }, (_, i) => (i - 200) / 25);
const ones = new Float32Array(x.length).fill(1);

/** Φ by the trapezoid rule on the density from 0, in double precision. */
function normalCdf(value: number): number {
  const steps = 4000;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const at = (value * i) / steps;
    sum += Math.exp(-0.5 * at * at) * (i === 0 || i === steps ? 0.5 : 1);
  }
  return 0.5 + ((sum * value) / steps) * (1 / Math.sqrt(2 * Math.PI));
}

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
const geluTanh = (value: number): number =>
  0.5 * value * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3)));

const cases = [
  { name: "tanh", f: Math.tanh, forward: activation.tanh, backward: activation.tanhBackward, fromOutput: true },
  { name: "sigmoid", f: sigmoid, forward: activation.sigmoid, backward: activation.sigmoidBackward, fromOutput: true },
  {
    name: "relu",
    f: (value: number) => Math.max(value, 0),
    forward: activation.relu,
    backward: activation.reluBackward,
    fromOutput: false,
  },
  {
    name: "gelu",
    f: (value: number) => value * normalCdf(value),
    forward: activation.gelu,
    backward: activation.geluBackward,
    fromOutput: false,
  },
  {
    name: "geluTanh",
    f: geluTanh,
    forward: activation.geluTanh,
    backward: activation.geluTanhBackward,
    fromOutput: false,
  },
  {
    name: "silu",
    f: (value: number) => value * sigmoid(value),
    forward: activation.silu,
    backward: activation.siluBackward,
    fromOutput: false,
  },
];

describe.each(cases)("$name", ({ name, f, forward, backward, fromOutput }) => {
  const y = new Float32Array(x.length);
  forward(y, x, 0, x.length);

  it("follows its formula", () => {
    expect(distance(y, x.map(f))).toBeLessThan(2e-7);
  });

  it("has the gradient of its finite differences", () => {
    const grad = new Float32Array(x.length);
    backward(grad, ones, fromOutput ? y : x, 0, x.length);
    // The kink of relu has no difference quotient; its gradient there is 0, as PyTorch has it.
    const numeric = x.map((value) => (name === "relu" && value === 0 ? 0 : (f(value + 1e-4) - f(value - 1e-4)) / 2e-4));
    expect(distance(grad, numeric)).toBeLessThan(2e-6);
  });

  it("stays finite far out, and passes NaN on", () => {
    const far = new Float32Array([-1e4, 1e4, NaN]);
    const out = new Float32Array(3);
    forward(out, far, 0, 3);
    expect(Number.isFinite(out[0]) && Number.isFinite(out[1])).toBe(true);
    expect(out[2]).toBeNaN();
    backward(out, ones, fromOutput ? out.slice() : far, 0, 2);
    expect(Number.isFinite(out[0]) && Number.isFinite(out[1])).toBe(true);
  });
});
