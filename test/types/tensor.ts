/** What the types of heed/tensor must refuse; `tsc` checks this file, nothing runs it. */
import {
  Random,
  Tensor,
  add,
  arange,
  attention,
  backend,
  concat,
  crossEntropy,
  dropout,
  embedding,
  exp,
  gelu,
  gradCheck,
  layerNorm,
  linear,
  matmul,
  max,
  mean,
  mul,
  noGrad,
  ones,
  randn,
  reshape,
  rmsNorm,
  rotary,
  rotaryTable,
  scope,
  slice,
  softmax,
  sum,
  tensor,
  transpose,
  zeros,
} from "heed/tensor";
import type { NestedArray } from "heed/tensor";

const x: Tensor = ones([2, 2]);
const random = new Random(1);

/** Asserts that two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const isTrue = <T extends true>(): T | undefined => undefined;

export function creating(): void {
  tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  );
  tensor(new Uint8Array(4), [2, 2]);
  randn([2], 7);
  // @ts-expect-error text is no list of numbers
  tensor([["a"]]);
  // @ts-expect-error an unknown option
  zeros([2], { requireGrad: true });
  // @ts-expect-error the option is a boolean
  zeros([2], { requiresGrad: 1 });
  // @ts-expect-error a shape is a list
  zeros(2);
  // @ts-expect-error randn needs a generator or a seed
  randn([2], "seed");
  // @ts-expect-error bounds are numbers
  arange("4");
  // @ts-expect-error a seed is a number
  new Random("7");
}

export function reading(): void {
  isTrue<Same<ReturnType<Tensor["item"]>, number>>();
  isTrue<Same<ReturnType<Tensor["toArray"]>, NestedArray>>();
  isTrue<Same<Tensor["grad"], Tensor | null>>();
  // @ts-expect-error a gradient may be missing
  x.grad.data;
  // @ts-expect-error a shape does not change
  x.shape[0] = 3;
  // @ts-expect-error the numbers can be written into, not replaced
  x.data = new Float32Array(4);
  // @ts-expect-error gradOut is a tensor
  x.backward(1);
}

export function operations(): void {
  add(x, 1);
  add(2, x);
  linear(x, x);
  // @ts-expect-error a string in place of a tensor
  add(x, "1");
  // @ts-expect-error a plain list in place of a tensor
  mul([1, 2], x);
  // @ts-expect-error a number is no matrix
  matmul(x, 3);
  // @ts-expect-error functions of one number take tensors
  exp(1);
  // @ts-expect-error an unknown option
  sum(x, { axes: 1 });
  // @ts-expect-error an axis is a number
  mean(x, { axis: "rows" });
  // @ts-expect-error an unknown option
  max(x, { keepdim: true });
  // @ts-expect-error an unknown option
  softmax(x, { dim: 1 });
  // @ts-expect-error one of two names
  gelu(x, { approximate: "erf" });
  // @ts-expect-error the shape is missing
  reshape(x);
  // @ts-expect-error axes are numbers
  transpose(x, "0", "1");
  // @ts-expect-error an unknown option
  slice(x, { stop: 1 });
  // @ts-expect-error concat takes a list
  concat(x, x);
}

export function layers(): void {
  embedding(x, [
    [0, 1],
    [1, 0],
  ]);
  crossEntropy(x, Int32Array.of(0, 1), { labelSmoothing: 0.1 });
  // @ts-expect-error ids are numbers
  embedding(x, ["a"]);
  // @ts-expect-error an unknown option
  layerNorm(x, x, x, { epsilon: 1e-5 });
  // @ts-expect-error the weight is missing
  rmsNorm(x);
  // @ts-expect-error an unknown option
  crossEntropy(x, [0, 1], { ignore_index: 0 });
  // @ts-expect-error an unknown option
  attention(x, x, x, { isCausal: true });
  // @ts-expect-error values are missing
  attention(x, x);
  // @ts-expect-error one of two names
  rotary(x, { pairing: "quarters" });
  // @ts-expect-error a table is made by rotaryTable
  rotary(x, { table: [1, 2] });
  rotary(x, { table: rotaryTable(4, 2) });
  // @ts-expect-error chance is missing
  dropout(x, { p: 0.1 });
  dropout(x, { p: 0.1, random });
}

export function around(): void {
  isTrue<Same<ReturnType<typeof scopeOfNumber>, number>>();
  gradCheck((a, b) => mul(a, b), [x, x]);
  // @ts-expect-error the checked function returns a tensor
  gradCheck((a) => a.item(), [x]);
  // @ts-expect-error an unknown option
  gradCheck((a) => a, [x], { eps: 1 });
  // @ts-expect-error noGrad takes a function
  noGrad(x);
  // @ts-expect-error one of three names
  backend.use("gpu");
  // @ts-expect-error an unknown option
  backend.use("loops", { workers: 2 });
}

const scopeOfNumber = () => scope(() => sum(x).item());
