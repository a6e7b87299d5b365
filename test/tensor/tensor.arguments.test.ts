/** What is no tensor where one is wanted: every operation says so, with the name of the argument. */
import { describe, expect, it } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import type { HeedError } from "../../src/errors.ts";
import * as heed from "../../src/public/tensor.ts";
import { Tensor, checkTensor, checkTensors } from "../../src/tensor/tensor.ts";
import { expectError } from "../expect-error.ts";

const x = heed.ones([2]);
const matrix = heed.ones([2, 2]);
const wrap = "; wrap numbers with tensor(…)";
const list = "shape must be a list of axis lengths such as [2, 3], got";

/** A function of heed/tensor as plain JavaScript calls it. */
const call = (name: string, ...given: unknown[]): unknown =>
  (heed as unknown as Record<string, (...given: unknown[]) => unknown>)[name](...given);

/** Operation, its arguments, what the message says after the operation's name. */
const arguments_: [string, unknown[], string][] = [
  ["add", [x, [1, 2]], `b must be a tensor or a number, got [1,2]${wrap}`],
  ["add", [x, null], "b must be a tensor or a number, got null"],
  ["sub", ["1", x], 'a must be a tensor or a number, got "1"'],
  ["mul", [x], "b must be a tensor or a number, got nothing"],
  ["div", [x, {}], "b must be a tensor or a number, got an object"],
  ["matmul", [matrix, 3], `b must be a tensor, got 3${wrap}`],
  ["matmul", [[[1]], matrix], `a must be a tensor, got an array${wrap}`],
  ["linear", [x], "weight must be a tensor, got nothing"],
  ["linear", [x, matrix, [0, 0]], `bias must be a tensor or undefined, got [0,0]${wrap}`],
  ...["exp", "log", "tanh", "sigmoid", "relu", "silu", "gelu"].map((name): [string, unknown[], string] => [
    name,
    [3],
    `x must be a tensor, got 3${wrap}`,
  ]),
  ["exp", [() => x], "x must be a tensor, got a function"],
  ["softmax", [[1, 2]], `x must be a tensor, got [1,2]${wrap}`],
  ["logSoftmax", [Float32Array.of(1)], `x must be a tensor, got an object${wrap}`],
  ["sum", [[1, 2]], `x must be a tensor, got [1,2]${wrap}`],
  ["mean", [], "x must be a tensor, got nothing"],
  ["max", [1], `x must be a tensor, got 1${wrap}`],
  ["reshape", [3, [1]], `x must be a tensor, got 3${wrap}`],
  ["transpose", [3], `x must be a tensor, got 3${wrap}`],
  ["slice", ["text"], 'x must be a tensor, got "text"'],
  ["concat", [x], "tensors must be a list of tensors such as [a, b], got a tensor [2]"],
  ["concat", [x, x], "tensors must be a list of tensors such as [a, b], got a tensor [2]"],
  ["concat", [[x, 1]], `tensors[1] must be a tensor, got 1${wrap}`],
  ["layerNorm", [x], "weight must be a tensor, got nothing"],
  ["layerNorm", [x, x, 1e-5], "bias must be a tensor or undefined, got 0.00001; options are the fourth argument"],
  [
    "layerNorm",
    [x, x, { eps: 1 }],
    "bias must be a tensor or undefined, got an object; options are the fourth argument",
  ],
  ["rmsNorm", [[1], x], `x must be a tensor, got [1]${wrap}`],
  ["embedding", [[0, 1], matrix], "weight must be a tensor, got [0,1]; the ids come second: embedding(weight, ids)"],
  ["attention", [x], "k must be a tensor, got nothing"],
  ["attentionMaps", [x], "k must be a tensor, got nothing"],
  ["rotary", [5], `x must be a tensor, got 5${wrap}`],
  ["rotary", [matrix, { table: [1] }], "table must come from rotaryTable(…), got [1]"],
  ["crossEntropy", [[1, 2], [0]], `logits must be a tensor, got [1,2]${wrap}`],
  ["dropout", ["x"], 'x must be a tensor, got "x"'],
  ["alike", [[1]], `x must be a tensor, got [1]${wrap}`],
  ["full", [[2]], "value must be a number, got nothing"],
  ["full", [[2], "a"], 'value must be a number, got "a"'],
  ["alike", [x, "a"], 'value must be a number, got "a"'],
];

const shapes: [string, unknown[], string][] = [
  ["reshape", [x, 2, 3], `${list} 2`],
  ["reshape", [x], `${list} nothing`],
  ["zeros", [3], `${list} 3`],
  ["ones", [], `${list} nothing`],
  ["full", [2, 1], `${list} 2`],
  ["randn", [2], `${list} 2`],
  ["zeros", [[1e10]], "shape [10000000000] has 10000000000 numbers, a tensor holds at most 2147483647"],
  ["arange", [1e12], "shape [1000000000000] has 1000000000000 numbers, a tensor holds at most 2147483647"],
];

describe.each<[string, new (...args: never[]) => HeedError, [string, unknown[], string][]]>([
  ["an argument of the wrong kind", ConfigError, arguments_],
  ["a shape that is none", ShapeError, shapes],
])("%s", (_, kind, cases) => {
  it.each(cases.map(([name, given, message]) => ({ name, given, message })))(
    "$name: $message",
    ({ name, given, message }) => expectError(() => call(name, ...given), kind, `${name}: ${message}`),
  );
});

describe("a Tensor made by hand", () => {
  const make = Tensor as unknown as new (...given: unknown[]) => Tensor;

  it("wants a Float32Array and a shape", () => {
    const data = new Float32Array(2);
    const hint = "tensor(…) takes lists and numbers";
    expectError(() => new make([1, 2], [2]), ConfigError, `Tensor: data must be a Float32Array, got [1,2]; ${hint}`);
    expectError(() => new make(), ConfigError, `Tensor: data must be a Float32Array, got nothing; ${hint}`);
    expectError(() => new make(data, 2), ShapeError, `Tensor: ${list} 2`);
    expectError(() => new make(data, [-1, -2]), ShapeError, "Tensor: axes must be whole numbers >= 0, got [-1, -2]");
  });

  it("takes as a gradient a tensor of its shape, or null", () => {
    const leaf = heed.ones([2], { requiresGrad: true });
    const put = (value: unknown): void => void (leaf.grad = value as Tensor);
    expectError(() => put([1, 2]), ConfigError, `grad: value must be a tensor or null, got [1,2]${wrap}`);
    expectError(() => put(undefined), ConfigError, "grad: value must be a tensor or null, got nothing");
    expectError(() => put(heed.ones([3])), ShapeError, "grad: value is [3], the tensor is [2]");
    expect(leaf.grad).toBeNull();
    put(x);
    expect(leaf.grad).toBe(x);
    put(null);
    expect(leaf.grad).toBeNull();
  });

  it("takes as gradOut a tensor", () => {
    const y = heed.mul(heed.ones([2], { requiresGrad: true }), 2);
    const backward = (value: unknown) => () => y.backward(value as Tensor);
    expectError(backward(1), ConfigError, `backward: gradOut must be a tensor, got 1${wrap}`);
    expectError(backward(null), ConfigError, "backward: gradOut must be a tensor, got null");
  });
});

describe("checkTensor", () => {
  it("lets tensors pass, those of layers too", () => {
    checkTensor("op", "x", x);
    checkTensors("op", "xs", [x, matrix]);
    checkTensors("op", "xs", []);
  });

  it("finds a hole in a list", () => {
    const holed: unknown[] = [x];
    holed[2] = x;
    expectError(() => checkTensors("op", "xs", holed), ConfigError, "op: xs[1] must be a tensor, got nothing");
  });
});
