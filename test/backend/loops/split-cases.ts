/** Every kernel with data of its own, for checking that ranges may be split at will. */
import { SUM_CHUNK, type AdamWScalars, type AttentionSizes, type Kernels } from "../../../src/backend/backend.ts";
import { loops } from "../../../src/backend/loops/loops.ts";
import { randomFloats, randomIntegers, randomStored } from "./random-data.ts";

/** An array that a kernel writes. */
export type Output = Float32Array | Float64Array | Int32Array;

/** One kernel on given data. */
export interface Case {
  kernel: keyof Kernels;
  /** Length of the range that begin, end count over. */
  range: number;
  /** Lengths of the outputs; a string names another element type. */
  outputs: (number | [number, "float64" | "int32"])[];
  /** Which elements of output `o` belong to `index` of the range, by default an equal share in order. */
  owner?: (o: number, element: number) => number;
  run: (k: Kernels, outputs: Output[], begin: number, end: number) => void;
}

const floats = randomFloats;
const rows = 7;
const cols = 13;
const matrix = floats(rows * cols, 1);
const matrix2 = floats(rows * cols, 2);
const weight = floats(cols, 3);
const bias = floats(cols, 4);
const perRow = floats(rows, 5);
const positive = floats(rows, 6).map((x) => x + 1.5);
/** At least one case for every kernel. */
export const table: Case[] = [];

for (const kernel of ["add", "sub", "mul", "div"] as const) {
  for (const [aSize, bSize] of [
    [90, 90],
    [90, 7],
    [5, 90],
    [1, 90],
  ]) {
    const a = floats(aSize, 1);
    const b = floats(bSize, 2);
    table.push({
      kernel,
      range: 90,
      outputs: [90],
      run: (k, [out], begin, end) => k[kernel](out as Float32Array, a, b, aSize, bSize, begin, end),
    });
  }
}
for (const kernel of ["exp", "log", "sin", "cos", "tanh", "sigmoid", "relu", "gelu", "geluTanh", "silu"] as const) {
  const x = floats(91, 1).map((value) => 4 * value);
  table.push({
    kernel,
    range: 91,
    outputs: [91],
    run: (k, [out], begin, end) => k[kernel](out as Float32Array, x, begin, end),
  });
}
for (const kernel of [
  "tanhBackward",
  "sigmoidBackward",
  "reluBackward",
  "geluBackward",
  "geluTanhBackward",
  "siluBackward",
] as const) {
  table.push({
    kernel,
    range: 91,
    outputs: [91],
    run: (k, [out], begin, end) => k[kernel](out as Float32Array, matrix, matrix2, begin, end),
  });
}
for (const kernel of ["softmax", "logSoftmax"] as const) {
  table.push({
    kernel,
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) => k[kernel](out as Float32Array, matrix, rows, cols, begin, end),
  });
}
for (const kernel of ["softmaxBackward", "logSoftmaxBackward"] as const) {
  table.push({
    kernel,
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) => k[kernel](out as Float32Array, matrix, matrix2, rows, cols, begin, end),
  });
}
for (const [outer, axis, inner] of [
  [3, 5, 1],
  [3, 5, 7],
  [2, 3, 130],
]) {
  const x = floats(outer * axis * inner, 1);
  const grad = floats(outer * inner, 2);
  const indices = randomIntegers(outer * inner, axis, 3);
  const range = outer * inner;
  const spread = (_: number, element: number): number =>
    Math.floor(element / (axis * inner)) * inner + (element % inner);
  table.push(
    {
      kernel: "sumAxis",
      range,
      outputs: [range],
      run: (k, [out], begin, end) => k.sumAxis(out as Float32Array, x, outer, axis, inner, begin, end),
    },
    {
      kernel: "maxAxis",
      range,
      outputs: [range, [range, "int32"]],
      run: (k, [out, index], begin, end) =>
        k.maxAxis(out as Float32Array, index as Int32Array, x, outer, axis, inner, begin, end),
    },
    {
      kernel: "maxAxisBackward",
      range,
      outputs: [range * axis],
      owner: spread,
      run: (k, [out], begin, end) =>
        k.maxAxisBackward(out as Float32Array, grad, indices, outer, axis, inner, begin, end),
    },
  );
}
const long = floats(3 * SUM_CHUNK + 17, 1);
for (const inner of [1, 6, 100]) {
  const x = floats(5 * inner, 1);
  table.push({
    kernel: "expand",
    range: 5,
    outputs: [5 * 3 * inner],
    run: (k, [out], begin, end) => k.expand(out as Float32Array, x, 5, 3, inner, begin, end),
  });
}
for (const [outer, r, middle, c, inner] of [
  [1, 9, 1, 40, 1],
  [2, 3, 4, 5, 6],
  [2, 3, 4, 5, 1],
  [3, 5, 1, 4, 70],
]) {
  const size = outer * r * middle * c * inner;
  const x = floats(size, 1);
  table.push({
    kernel: "transpose",
    range: outer * c,
    outputs: [size],
    run: (k, [out], begin, end) => k.transpose(out as Float32Array, x, outer, r, middle, c, inner, begin, end),
  });
}
for (const length of [3, 80]) {
  const x = floats(6 * (length + 5), 1);
  const stride = length + 2;
  // Between the runs nothing may be written: those elements belong to no index.
  const owner = (_: number, element: number): number =>
    element % stride === 0 || element % stride > length ? -1 : Math.floor(element / stride);
  table.push({
    kernel: "copyRuns",
    range: 6,
    outputs: [6 * stride],
    owner,
    run: (k, [out], begin, end) => k.copyRuns(out as Float32Array, x, length, stride, 1, length + 5, 4, begin, end),
  });
}
for (const [batch, m, depth, n, transposeA, transposeB] of [
  [2, 9, 11, 6, 0, 0],
  [2, 9, 11, 6, 0, 1],
  [2, 9, 11, 6, 1, 0],
  [2, 9, 11, 6, 1, 1],
  [1, 40, 70, 35, 0, 1],
]) {
  const a = floats(batch * m * depth, 1);
  const b = floats(batch * depth * n, 2);
  table.push({
    kernel: "matmul",
    range: batch * m,
    outputs: [batch * m * n],
    run: (k, [out], begin, end) =>
      k.matmul(out as Float32Array, a, b, batch, m, depth, n, transposeA, transposeB, begin, end),
  });
}
for (const [form, m, depth, n] of [
  [0, 1, 37, 9],
  [0, 3, 64, 6],
  [1, 2, 37, 9],
  [2, 1, 96, 9],
  [2, 3, 288, 6],
  [3, 2, 160, 9],
]) {
  const x = floats(m * depth, 1);
  const stored = randomStored(form, n * depth, 2);
  table.push(
    {
      kernel: "widen",
      range: n,
      outputs: [n * depth],
      run: (k, [out], begin, end) => k.widen(out as Float32Array, stored, form, depth, begin, end),
    },
    {
      kernel: "linearStored",
      range: n,
      outputs: [m * n],
      owner: (_, element) => element % n,
      run: (k, [out], begin, end) => k.linearStored(out as Float32Array, x, stored, form, m, depth, n, begin, end),
    },
  );
}
for (const [rows, cols] of [
  [7, 13],
  [70, 37],
]) {
  const gradOut = floats(rows * cols, 1);
  const x = floats(rows * cols, 2);
  const mean = floats(rows, 3);
  const rstd = floats(rows, 4).map((value) => value + 1.5);
  table.push(
    {
      kernel: "layerNormBackwardParameters",
      range: cols,
      outputs: [cols, cols],
      run: (k, [w, b], begin, end) =>
        k.layerNormBackwardParameters(
          w as Float32Array,
          b as Float32Array,
          gradOut,
          x,
          mean,
          rstd,
          rows,
          cols,
          begin,
          end,
        ),
    },
    {
      kernel: "rmsNormBackwardParameters",
      range: cols,
      outputs: [cols],
      run: (k, [w], begin, end) =>
        k.rmsNormBackwardParameters(w as Float32Array, gradOut, x, rstd, rows, cols, begin, end),
    },
  );
}
const ids = new Int32Array([3, 0, 3, 5, 1, 3]);
const sizes: AttentionSizes = {
  batch: 2,
  nHeads: 4,
  nKvHeads: 2,
  seq: 6,
  keyLen: 8,
  keyRows: 10,
  headDim: 5,
  causal: 1,
  window: 4,
};
const query = floats(2 * 4 * 6 * 5, 1);
const key = floats(2 * 2 * 10 * 5, 2);
const value = floats(key.length, 3);
const attended = new Float32Array(query.length);
const logSumExp = new Float32Array(2 * 4 * 6);
loops.kernels.attention(attended, logSumExp, query, key, value, sizes, 0.5, 0, 8);
const targets = new Int32Array([1, 0, -100, 12, 5, -100, 3]);
const lse = new Float32Array(rows);
loops.kernels.crossEntropy(new Float32Array(rows), lse, matrix, targets, rows, cols, -100, 0.1, 0, rows);
const adam: AdamWScalars = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.1,
  correction1: 0.1,
  correction2: 0.01,
  gradScale: 0.5,
};
const squares = matrix2.map((x) => x * x);
const angles = floats(4 * 3, 7);

table.push(
  {
    kernel: "scale",
    range: 91,
    outputs: [91],
    run: (k, [out], begin, end) => k.scale(out as Float32Array, matrix, 0.3, begin, end),
  },
  {
    kernel: "sumSquares",
    range: 4,
    outputs: [[4, "float64"]],
    run: (k, [out], begin, end) => k.sumSquares(out as Float64Array, long, long.length, begin, end),
  },
  {
    kernel: "layerNorm",
    range: rows,
    outputs: [rows * cols, rows, rows],
    run: (k, [out, mean, rstd], begin, end) =>
      k.layerNorm(
        out as Float32Array,
        mean as Float32Array,
        rstd as Float32Array,
        matrix,
        weight,
        bias,
        rows,
        cols,
        1e-5,
        begin,
        end,
      ),
  },
  {
    kernel: "layerNormBackward",
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) =>
      k.layerNormBackward(out as Float32Array, matrix2, matrix, weight, perRow, positive, rows, cols, begin, end),
  },
  {
    kernel: "rmsNorm",
    range: rows,
    outputs: [rows * cols, rows],
    run: (k, [out, rstd], begin, end) =>
      k.rmsNorm(out as Float32Array, rstd as Float32Array, matrix, weight, rows, cols, 1e-5, begin, end),
  },
  {
    kernel: "rmsNormBackward",
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) =>
      k.rmsNormBackward(out as Float32Array, matrix2, matrix, weight, positive, rows, cols, begin, end),
  },
  {
    kernel: "gather",
    range: 6,
    outputs: [6 * cols],
    run: (k, [out], begin, end) => k.gather(out as Float32Array, matrix, ids, 6, cols, begin, end),
  },
  {
    kernel: "scatterAdd",
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) => k.scatterAdd(out as Float32Array, matrix, ids, 6, rows, cols, begin, end),
  },
  ...[0, 1].map((pairs): Case => ({
    kernel: "rotary",
    range: 5,
    outputs: [5 * 4 * 6],
    run: (k, [out], begin, end) =>
      k.rotary(out as Float32Array, query, angles, angles, 5, 4, 6, pairs, 1 - pairs, begin, end),
  })),
  {
    kernel: "attention",
    range: 8,
    outputs: [query.length, 48],
    run: (k, [out, kept], begin, end) =>
      k.attention(out as Float32Array, kept as Float32Array, query, key, value, sizes, 0.5, begin, end),
  },
  {
    kernel: "attentionBackward",
    range: 4,
    outputs: [query.length, key.length, key.length],
    run: (k, outputs, begin, end) => {
      const [gq, gk, gv] = outputs as Float32Array[];
      k.attentionBackward(gq, gk, gv, query, attended, logSumExp, query, key, value, sizes, 0.5, begin, end);
    },
  },
  {
    kernel: "crossEntropy",
    range: rows,
    outputs: [rows, rows],
    run: (k, [losses, kept], begin, end) =>
      k.crossEntropy(losses as Float32Array, kept as Float32Array, matrix, targets, rows, cols, -100, 0.1, begin, end),
  },
  {
    kernel: "crossEntropyBackward",
    range: rows,
    outputs: [rows * cols],
    run: (k, [out], begin, end) =>
      k.crossEntropyBackward(out as Float32Array, lse, matrix, targets, rows, cols, -100, 0.1, 0.25, begin, end),
  },
  {
    kernel: "adamW",
    range: 91,
    outputs: [91, 91, 91],
    run: (k, [p, m, v], begin, end) =>
      k.adamW(
        p as Float32Array,
        m as Float32Array,
        v as Float32Array,
        matrix,
        matrix2,
        matrix,
        squares,
        adam,
        begin,
        end,
      ),
  },
);
