/**
 * THE table of operations: every differentiable one, with the variants that take different paths. Gradient checks, the
 * comparison with golden values, backend parity and timing all read it.
 */
import { Random } from "../src/random.ts";
import { sizeOf } from "../src/tensor/shape.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import {
  add,
  attention,
  concat,
  crossEntropy,
  div,
  dropout,
  embedding,
  exp,
  gelu,
  layerNorm,
  linear,
  log,
  logSoftmax,
  matmul,
  max,
  mean,
  mul,
  relu,
  reshape,
  rmsNorm,
  rotary,
  sigmoid,
  silu,
  slice,
  softmax,
  sub,
  sum,
  tanh,
  transpose,
} from "../src/public/tensor.ts";

/** How an input is made: its shape, and the numbers it may hold. */
export interface OpInput {
  readonly shape: readonly number[];
  /** Fills an array of the input's size. */
  draw(data: Float32Array, random: Random): void;
  /** Whether a gradient flows into it. Ids have none. */
  readonly differentiable: boolean;
}

/** One row of the table. */
export interface OpCase {
  readonly name: string;
  /** The inputs by name, in the order in which `run` takes them. */
  readonly inputs: Readonly<Record<string, OpInput>>;
  /** The options that `run` uses. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly run: (...inputs: Tensor[]) => Tensor;
  /** Greatest distance from another implementation's result, and from its gradients. */
  readonly tolerance: { readonly forward: number; readonly gradient: number };
  /** Larger shapes of the same inputs, as they occur in models, for timing. */
  readonly large?: Readonly<Record<string, readonly number[]>>;
}

/** Standard normal numbers. */
export function normal(...shape: number[]): OpInput {
  return {
    shape,
    differentiable: true,
    draw: (data, random) => void data.forEach((_, i) => (data[i] = random.normal())),
  };
}

/** Numbers from 0.5 to 2.5, for divisors and logarithms. */
export function positive(...shape: number[]): OpInput {
  return {
    shape,
    differentiable: true,
    draw: (data, random) => void data.forEach((_, i) => (data[i] = 0.5 + 2 * random.uniform())),
  };
}

/** Numbers of either sign, at least 0.1 away from the kink at 0. */
export function awayFromZero(...shape: number[]): OpInput {
  const one = (random: Random): number => (random.uniform() < 0.5 ? -1 : 1) * (0.1 + 2 * random.uniform());
  return { shape, differentiable: true, draw: (data, random) => void data.forEach((_, i) => (data[i] = one(random))) };
}

/** Numbers of which no two are closer than 0.1, so that a small step changes no maximum. */
export function distinct(...shape: number[]): OpInput {
  const draw = (data: Float32Array, random: Random): void => {
    const steps = random.shuffle(Array.from(data, (_, i) => i));
    steps.forEach((step, i) => (data[i] = 0.2 * (step - data.length / 2) + 0.1 * random.uniform()));
  };
  return { shape, draw, differentiable: true };
}

/** Whole numbers from 0 to limit - 1; with `ignored` every third is that one instead. */
export function ids(shape: readonly number[], limit: number, ignored?: number): OpInput {
  const draw = (data: Float32Array, random: Random): void => {
    data.forEach((_, i) => (data[i] = ignored !== undefined && i % 3 === 1 ? ignored : random.integer(limit)));
  };
  return { shape, draw, differentiable: false };
}

/** The inputs of a case, drawn anew from a seed; the same seed gives the same numbers. */
export function drawInputs({ inputs, large }: OpCase, seed: number, size: "small" | "large" = "small"): Tensor[] {
  const random = new Random(seed);
  return Object.entries(inputs).map(([name, input]) => {
    const shape = size === "large" ? (large?.[name] ?? input.shape) : input.shape;
    const data = new Float32Array(sizeOf(shape));
    input.draw(data, random);
    return new Tensor(data, shape, input.differentiable);
  });
}

type Inputs = Readonly<Record<string, OpInput>>;
type Extras = Partial<Pick<OpCase, "tolerance" | "large">>;

/** A case whose function has options: they are stated once and both shown and used. */
function withOptions<O extends object>(
  name: string,
  inputs: Inputs,
  attributes: O,
  run: (options: O) => OpCase["run"],
  extras: Extras = {},
): OpCase {
  const tolerance = { forward: 1e-5, gradient: 1e-4 };
  return {
    name,
    inputs,
    attributes: attributes as Record<string, unknown>,
    run: run(attributes),
    tolerance,
    ...extras,
  };
}

function plain(name: string, inputs: Inputs, run: OpCase["run"], extras: Extras = {}): OpCase {
  return withOptions(name, inputs, {}, () => run, extras);
}

const elementwise: OpCase[] = [
  plain("add", { a: normal(3, 5), b: normal(3, 5) }, add, { large: { a: [512, 768], b: [512, 768] } }),
  plain("addBroadcast", { a: normal(3, 1, 5), b: normal(4, 1) }, add),
  plain("addRow", { a: normal(2, 3, 5), b: normal(5) }, add, { large: { a: [512, 768], b: [768] } }),
  plain("addScalar", { a: normal(3, 5) }, (a) => add(a, 1.5)),
  plain("addToScalar", { a: normal(), b: normal(2, 3) }, add),
  plain("addToItself", { x: normal(3, 5) }, (x) => add(x, x)),
  plain("sub", { a: normal(3, 5), b: normal(3, 5) }, sub),
  plain("subBroadcast", { a: normal(5), b: normal(3, 1, 5) }, sub),
  plain("subFromScalar", { x: normal(3, 5) }, (x) => sub(2, x)),
  plain("mul", { a: normal(3, 5), b: normal(3, 5) }, mul, { large: { a: [512, 2048], b: [512, 2048] } }),
  plain("mulBroadcast", { a: normal(3, 1, 5), b: normal(4, 1) }, mul),
  plain("mulColumn", { a: normal(3, 5), b: normal(3, 1) }, mul),
  plain("mulByItself", { x: normal(3, 5) }, (x) => mul(x, x)),
  plain("div", { a: normal(3, 5), b: positive(3, 5) }, div),
  plain("divScalar", { x: positive(3, 5) }, (x) => div(2, x)),
  plain("divOuter", { a: normal(1, 4), b: positive(3, 1) }, div),
  plain("divBroadcast", { a: normal(2, 4), b: normal(4) }, (a, b) => div(a, add(mul(b, b), 1))),
  plain("exp", { x: normal(3, 17) }, exp),
  plain("log", { x: normal(3, 17) }, (x) => log(add(mul(x, x), 0.1))),
  plain("logPlain", { x: positive(3, 17) }, log),
  plain("tanh", { x: normal(3, 17) }, tanh),
  plain("sigmoid", { x: normal(3, 17) }, sigmoid),
  plain("relu", { x: awayFromZero(3, 17) }, relu, { large: { x: [512, 3072] } }),
  withOptions("gelu", { x: normal(4, 33) }, { approximate: "none" } as const, (options) => (x) => gelu(x, options), {
    large: { x: [512, 3072] },
  }),
  withOptions(
    "geluTanh",
    { x: normal(4, 33) },
    { approximate: "tanh" } as const,
    (options) => (x) => gelu(x, options),
    { large: { x: [512, 3072] } },
  ),
  plain("silu", { x: normal(4, 33) }, silu, { large: { x: [512, 2048] } }),
  withOptions(
    "dropout",
    { x: normal(6, 7) },
    { p: 0.3, seed: 5 },
    ({ p, seed }) =>
      (x) =>
        dropout(x, { p, random: new Random(seed) }),
  ),
];

const reductions: OpCase[] = [
  plain("sum", { x: normal(3, 4, 5) }, (x) => sum(x), { large: { x: [512, 768] } }),
  withOptions("sumAxis", { x: normal(3, 4, 5) }, { axis: 1 }, (options) => (x) => sum(x, options)),
  withOptions("sumFirstAxis", { x: normal(3, 4, 5) }, { axis: 0, keepDims: true }, (options) => (x) => sum(x, options)),
  plain("mean", { x: normal(3, 4, 5) }, (x) => mean(x)),
  withOptions("meanAxis", { x: normal(3, 4, 5) }, { axis: 0 }, (options) => (x) => mean(x, options)),
  withOptions(
    "meanKeepDims",
    { x: normal(3, 4, 5) },
    { axis: -1, keepDims: true },
    (options) => (x) => mean(x, options),
  ),
  plain("max", { x: distinct(3, 4, 5) }, (x) => max(x)),
  withOptions("maxAxis", { x: distinct(3, 4, 5) }, { axis: -1 }, (options) => (x) => max(x, options)),
  withOptions(
    "maxFirstAxis",
    { x: distinct(3, 4, 5) },
    { axis: 0, keepDims: true },
    (options) => (x) => max(x, options),
  ),
  withOptions("softmax", { x: normal(2, 3, 19) }, { axis: -1 }, (options) => (x) => softmax(x, options), {
    large: { x: [12, 256, 256] },
  }),
  withOptions("softmaxAxis1", { x: normal(2, 6, 4) }, { axis: 1 }, (options) => (x) => softmax(x, options)),
  withOptions("logSoftmax", { x: normal(5, 21) }, { axis: -1 }, (options) => (x) => logSoftmax(x, options)),
  withOptions("logSoftmaxAxis0", { x: normal(5, 4) }, { axis: 0 }, (options) => (x) => logSoftmax(x, options)),
];

const layouts: OpCase[] = [
  withOptions(
    "reshape",
    { x: normal(3, 4, 5) },
    { shape: [2, -1, 6] },
    ({ shape }) =>
      (x) =>
        reshape(x, shape),
  ),
  plain("transpose", { x: normal(2, 3, 5, 4) }, (x) => reshape(transpose(x, 1, 2), [2, 5, 12])),
  plain("transposeMatrix", { x: normal(2, 3, 5) }, (x) => transpose(x), { large: { x: [768, 768] } }),
  plain("transposeOuter", { x: normal(2, 3, 4) }, (x) => transpose(x, 0, -1)),
  withOptions("sliceFirstAxis", { x: normal(5, 3) }, { start: 1, end: -1 }, (options) => (x) => slice(x, options)),
  withOptions(
    "sliceMiddle",
    { x: normal(2, 6, 3) },
    { axis: 1, start: -4, end: 5 },
    (options) => (x) => slice(x, options),
  ),
  withOptions("sliceLastAxis", { x: normal(2, 3, 5) }, { axis: -1, start: 3 }, (options) => (x) => slice(x, options)),
  plain("concat", { a: normal(2, 3), b: normal(1, 3), c: normal(2, 3) }, (...tensors) => concat(tensors)),
  withOptions(
    "concatAxis1",
    { a: normal(2, 1, 3), b: normal(2, 4, 3) },
    { axis: 1 },
    (options) =>
      (...tensors) =>
        concat(tensors, options),
  ),
  withOptions("concatTwice", { x: normal(2, 3) }, { axis: -1 }, (options) => (x) => concat([x, x], options)),
];

const matrices: OpCase[] = [
  plain("matmul", { a: normal(7, 13), b: normal(13, 5) }, matmul, { large: { a: [256, 768], b: [768, 768] } }),
  plain("matmulBatched", { a: normal(2, 3, 6, 10), b: normal(2, 3, 10, 4) }, matmul, {
    large: { a: [4, 3, 128, 64], b: [4, 3, 64, 128] },
  }),
  plain("matmulBroadcast", { a: normal(4, 5, 9), b: normal(9, 3) }, matmul),
  plain("matmulLeft", { a: normal(3, 4), b: normal(2, 4, 5) }, matmul),
  plain("matmulBothStretch", { a: normal(2, 1, 3, 4), b: normal(5, 4, 2) }, matmul),
  plain("matmulWithItself", { x: normal(4, 4) }, (x) => matmul(x, x)),
  plain("linear", { x: normal(2, 5, 12), w: normal(7, 12), b: normal(7) }, linear, {
    large: { x: [256, 768], w: [3072, 768], b: [3072] },
  }),
  plain("linearNoBias", { x: normal(3, 4), w: normal(2, 4) }, (x, w) => linear(x, w)),
  plain("linearVector", { x: normal(4), w: normal(2, 4), b: normal(2) }, linear),
  plain("embedding", { w: normal(10, 6), ids: ids([2, 4], 10) }, embedding, { large: { w: [8192, 256], ids: [512] } }),
];

const rows: OpCase[] = [
  withOptions(
    "layerNorm",
    { x: normal(2, 3, 24), w: normal(24), b: normal(24) },
    { eps: 1e-5 },
    (options) => (x, w, b) => layerNorm(x, w, b, options),
    { large: { x: [256, 768], w: [768], b: [768] } },
  ),
  withOptions(
    "layerNormNoBias",
    { x: normal(3, 8), w: normal(8) },
    { eps: 1e-5 },
    (options) => (x, w) => layerNorm(x, w, undefined, options),
  ),
  withOptions(
    "rmsNorm",
    { x: normal(2, 3, 24), w: normal(24) },
    { eps: 1e-6 },
    (options) => (x, w) => rmsNorm(x, w, options),
    { large: { x: [256, 768], w: [768] } },
  ),
  withOptions(
    "crossEntropy",
    { x: normal(6, 8), t: ids([6], 8, -100) },
    { ignoreIndex: -100 },
    (options) => (x, t) => crossEntropy(x, t, options),
    { large: { x: [256, 8192], t: [256] } },
  ),
  withOptions(
    "crossEntropySmooth",
    { x: normal(6, 8), t: ids([6], 8, -100) },
    { labelSmoothing: 0.1, ignoreIndex: -100 },
    (options) => (x, t) => crossEntropy(x, t, options),
  ),
  withOptions(
    "crossEntropyIgnoresFirst",
    { x: normal(2, 3, 8), t: ids([2, 3], 8, 0) },
    { ignoreIndex: 0 },
    (options) => (x, t) => crossEntropy(x, t, options),
  ),
];

const heads = (batch: number, nHeads: number, nKvHeads: number, seq: number, keys: number): Inputs => ({
  q: normal(batch, nHeads, seq, 8),
  k: normal(batch, nKvHeads, keys, 8),
  v: normal(batch, nKvHeads, keys, 8),
});
const large = { q: [1, 12, 256, 64], k: [1, 4, 256, 64], v: [1, 4, 256, 64] };

const positions: OpCase[] = [
  plain("attentionCausal", heads(2, 4, 4, 7, 7), (q, k, v) => attention(q, k, v)),
  plain("attentionGrouped", heads(2, 6, 2, 7, 7), (q, k, v) => attention(q, k, v), { large }),
  plain("attentionPast", heads(1, 4, 4, 3, 11), (q, k, v) => attention(q, k, v)),
  withOptions(
    "attentionOpen",
    heads(2, 4, 2, 5, 3),
    { causal: false },
    (options) => (q, k, v) => attention(q, k, v, options),
  ),
  withOptions(
    "attentionRoom",
    heads(1, 2, 1, 3, 9),
    { keyLen: 5, scale: 0.5 },
    (options) => (q, k, v) => attention(q, k, v, options),
  ),
  withOptions(
    "attentionOpenRoom",
    heads(1, 2, 2, 4, 6),
    { causal: false, keyLen: 3 },
    (options) => (q, k, v) => attention(q, k, v, options),
  ),
  withOptions(
    "attentionWindow",
    heads(1, 4, 2, 7, 9),
    { window: 3 },
    (options) => (q, k, v) => attention(q, k, v, options),
  ),
  withOptions(
    "attentionCapped",
    heads(1, 2, 1, 4, 6),
    { softcap: 2, window: 4, keyLen: 5 },
    (options) => (q, k, v) => attention(q, k, v, options),
  ),
  withOptions(
    "ropeHalves",
    { x: normal(2, 3, 9, 8) },
    { theta: 10_000, pairing: "halves" } as const,
    (options) => (x) => rotary(x, options),
    { large: { x: [1, 12, 256, 64] } },
  ),
  withOptions(
    "ropePairs",
    { x: normal(2, 3, 9, 8) },
    { theta: 10_000, pairing: "pairs" } as const,
    (options) => (x) => rotary(x, options),
  ),
  withOptions(
    "ropeHalvesOffset",
    { x: normal(2, 4, 6) },
    { pairing: "halves", offset: 13 } as const,
    (options) => (x) => rotary(x, options),
  ),
  withOptions(
    "ropePairsOffset",
    { x: normal(4, 6) },
    { pairing: "pairs", offset: 13, theta: 500 } as const,
    (options) => (x) => rotary(x, options),
  ),
];

/** All cases; names are unique. */
export const opCases: readonly OpCase[] = [
  ...elementwise,
  ...reductions,
  ...layouts,
  ...matrices,
  ...rows,
  ...positions,
];
