/** Operations at random shapes and options, for the properties that must hold everywhere. */
import fc from "fast-check";
import { Random } from "../src/random.ts";
import { formatShape } from "../src/tensor/shape.ts";
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
import { awayFromZero, distinct, ids, normal, positive } from "./op-cases.ts";
import type { OpCase, OpInput } from "./op-cases.ts";

/** An operation and everything it may be asked for. */
export interface RandomCase {
  readonly name: string;
  readonly arbitrary: fc.Arbitrary<OpCase>;
}

/** An axis length. */
export const length = (max = 4, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });

/** Shapes of at most 4 axes. */
export const shapes = (
  options: { minRank?: number; maxRank?: number; minLength?: number; maxLength?: number } = {},
): fc.Arbitrary<number[]> => {
  const { minRank = 0, maxRank = 4, minLength = 1, maxLength = 4 } = options;
  return fc.array(length(maxLength, minLength), { minLength: minRank, maxLength: maxRank });
};

/** Two shapes that broadcast: the tails of one shape, some of their axes replaced by 1. */
export const broadcastable = (minLength = 1): fc.Arbitrary<[number[], number[]]> =>
  shapes({ minLength, maxRank: 4, maxLength: 3 }).chain((shape) => {
    const part = fc.tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }));
    return fc.tuple(part, part).map(([a, b]) => {
      const cut = ([drop, flat]: [number, boolean[]]): number[] =>
        shape.slice(drop).map((axis, i) => (flat[i] ? 1 : axis));
      return [cut(a), cut(b)] as [number[], number[]];
    });
  });

/** A shape of at least one axis, with one of its axes, counted from either end. */
export const withAxis = (minLength = 1): fc.Arbitrary<{ shape: number[]; axis: number }> =>
  shapes({ minRank: 1, minLength }).chain((shape) =>
    fc.integer({ min: -shape.length, max: shape.length - 1 }).map((axis) => ({ shape, axis })),
  );

function opCase(inputs: Record<string, OpInput>, run: OpCase["run"]): OpCase {
  const name = Object.entries(inputs)
    .map(([key, { shape }]) => `${key} ${formatShape(shape)}`)
    .join(", ");
  return { name, inputs, run, attributes: {}, tolerance: { forward: 1e-5, gradient: 1e-4 } };
}

const binary = (name: string, run: OpCase["run"], second: (...shape: number[]) => OpInput = normal): RandomCase => ({
  name,
  arbitrary: broadcastable().map(([a, b]) => opCase({ a: normal(...a), b: second(...b) }, run)),
});

const unary = (name: string, run: OpCase["run"], input: (...shape: number[]) => OpInput = normal): RandomCase => ({
  name,
  arbitrary: shapes({ maxRank: 3 }).map((shape) => opCase({ x: input(...shape) }, run)),
});

const overAxis = (
  name: string,
  run: (options: { axis: number; keepDims: boolean }) => OpCase["run"],
  input: (...shape: number[]) => OpInput = normal,
): RandomCase => ({
  name,
  arbitrary: fc
    .tuple(withAxis(), fc.boolean())
    .map(([{ shape, axis }, keepDims]) => opCase({ x: input(...shape) }, run({ axis, keepDims }))),
});

const layout: RandomCase[] = [
  {
    name: "reshape",
    arbitrary: shapes({ minRank: 1 }).chain((shape) =>
      fc
        .constantFrom([-1], [1, -1], [...shape].reverse(), [shape[0], -1])
        .map((target) => opCase({ x: normal(...shape) }, (x) => reshape(x, target))),
    ),
  },
  {
    name: "transpose",
    arbitrary: withAxis().chain(({ shape, axis }) =>
      fc.nat(shape.length - 1).map((other) => opCase({ x: normal(...shape) }, (x) => transpose(x, axis, other))),
    ),
  },
  {
    name: "slice",
    arbitrary: withAxis().chain(({ shape, axis }) => {
      const longest = shape.at(axis) as number;
      return fc
        .tuple(fc.nat(longest - 1), length(longest))
        .map(([start, kept]) =>
          opCase({ x: normal(...shape) }, (x) => slice(x, { axis, start, end: Math.min(longest, start + kept) })),
        );
    }),
  },
  {
    name: "concat",
    arbitrary: fc
      .tuple(withAxis(), fc.array(length(3), { minLength: 1, maxLength: 3 }))
      .map(([{ shape, axis }, lengths]) => {
        const at = axis < 0 ? axis + shape.length : axis;
        return opCase(
          Object.fromEntries(lengths.map((part, i) => [`x${i}`, normal(...shape.with(at, part))])),
          (...tensors) => concat(tensors, { axis }),
        );
      }),
  },
];

const matrices: RandomCase[] = [
  {
    name: "matmul",
    arbitrary: fc
      .tuple(broadcastable(), length(), length(), length())
      .map(([[a, b], m, k, n]) => opCase({ a: normal(...a.slice(-2), m, k), b: normal(...b.slice(-2), k, n) }, matmul)),
  },
  {
    name: "linear",
    arbitrary: fc.tuple(shapes({ maxRank: 2 }), length(6), length(6), fc.boolean()).map(([lead, dIn, dOut, bias]) => {
      const both = { x: normal(...lead, dIn), weight: normal(dOut, dIn) };
      return bias ? opCase({ ...both, bias: normal(dOut) }, linear) : opCase(both, (x, weight) => linear(x, weight));
    }),
  },
  {
    name: "embedding",
    arbitrary: fc
      .tuple(shapes({ minRank: 1, maxRank: 2 }), length(5), length(5))
      .map(([shape, tableRows, cols]) =>
        opCase({ weight: normal(tableRows, cols), ids: ids(shape, tableRows) }, embedding),
      ),
  },
];

const rows: RandomCase[] = [
  {
    name: "layerNorm", // from four columns on: with few of them a row's spread may come close to 0, where the function is steep
    arbitrary: fc.tuple(shapes({ maxRank: 2 }), length(8, 4), fc.boolean()).map(([lead, cols, bias]) => {
      const both = { x: distinct(...lead, cols), weight: normal(cols) };
      return bias
        ? opCase({ ...both, bias: normal(cols) }, (x, weight, shift) => layerNorm(x, weight, shift))
        : opCase(both, (x, weight) => layerNorm(x, weight));
    }),
  },
  {
    name: "rmsNorm", // one column alone is its own norm: the gradient is then 0 but for eps
    arbitrary: fc
      .tuple(shapes({ maxRank: 2 }), length(8, 2))
      .map(([lead, cols]) =>
        opCase({ x: positive(...lead, cols), weight: normal(cols) }, (x, weight) => rmsNorm(x, weight)),
      ),
  },
  {
    name: "crossEntropy",
    arbitrary: fc
      .tuple(length(6), length(6), fc.constantFrom(0, 0.1, 1), fc.constantFrom(-100, 0))
      .map(([count, cols, labelSmoothing, ignoreIndex]) =>
        opCase({ logits: normal(count, cols), targets: ids([count], cols, -100) }, (logits, targets) => {
          // The first row counts whatever is ignored.
          const kept = Array.from(targets.data, (target, i) =>
            i === 0 ? Math.min(cols - 1, 1) : target === -100 ? ignoreIndex : target,
          );
          return crossEntropy(logits, kept, { labelSmoothing, ignoreIndex: cols === 1 ? -100 : ignoreIndex });
        }),
      ),
  },
];

const positions: RandomCase[] = [
  {
    name: "attention",
    arbitrary: fc
      .tuple(length(2), length(3), length(2), length(3), length(3, 0), length(2, 0), length(5), fc.boolean())
      .map(([batch, shared, nKvHeads, seq, past, room, headDim, causal]) => {
        const keys = seq + past + room;
        const inputs = {
          q: normal(batch, shared * nKvHeads, seq, headDim),
          k: normal(batch, nKvHeads, keys, headDim),
          v: normal(batch, nKvHeads, keys, headDim),
        };
        return opCase(inputs, (q, k, v) => attention(q, k, v, { causal, keyLen: seq + past }));
      }),
  },
  {
    name: "rotary",
    arbitrary: fc
      .tuple(
        shapes({ maxRank: 2 }),
        length(4),
        length(3),
        fc.nat(40),
        fc.constantFrom("halves" as const, "pairs" as const),
        fc.constantFrom(1, 100, 10_000),
      )
      .map(([lead, seq, half, offset, pairing, theta]) =>
        opCase({ x: normal(...lead, seq, 2 * half) }, (x) => rotary(x, { offset, pairing, theta })),
      ),
  },
];

/** Every differentiable operation. */
export const randomCases: readonly RandomCase[] = [
  binary("add", add),
  binary("sub", sub),
  binary("mul", mul),
  binary("div", div, positive),
  unary("exp", exp),
  unary("log", log, positive),
  unary("tanh", tanh),
  unary("sigmoid", sigmoid),
  unary("relu", relu, awayFromZero),
  unary("gelu", (x) => gelu(x)),
  unary("geluTanh", (x) => gelu(x, { approximate: "tanh" })),
  unary("silu", silu),
  unary("dropout", (x) => dropout(x, { p: 0.4, random: new Random(2) })),
  unary("sum of all", (x) => sum(x)),
  unary("mean of all", (x) => mean(x)),
  unary("max of all", (x) => max(x), distinct),
  overAxis("sum", (options) => (x) => sum(x, options)),
  overAxis("mean", (options) => (x) => mean(x, options)),
  overAxis("max", (options) => (x) => max(x, options), distinct),
  overAxis(
    "softmax",
    ({ axis }) =>
      (x) =>
        softmax(x, { axis }),
  ),
  overAxis(
    "logSoftmax",
    ({ axis }) =>
      (x) =>
        logSoftmax(x, { axis }),
  ),
  ...layout,
  ...matrices,
  ...rows,
  ...positions,
];
