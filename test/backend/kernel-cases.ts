/**
 * Every kernel with data of any size: what backends are compared on. A case is data alone. All kernels take outputs, inputs,
 * sizes and scalars, and a range, in this order, so whoever runs a case decides where its arrays lie.
 */
import fc from "fast-check";
import { SUM_CHUNK, type AttentionSizes, type Kernels } from "../../src/backend/backend.ts";
import { loops } from "../../src/backend/loops/loops.ts";
import { Random } from "../../src/random.ts";
import { randomStored } from "./loops/random-data.ts";

/** An array of a kernel. */
export type KernelArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** The arguments of one call, but for the outputs and the range. */
export interface KernelData {
  /** Lengths of the outputs; a string names another element type. */
  readonly outputs: readonly (number | readonly [number, "float64" | "int32"])[];
  readonly inputs: readonly KernelArray[];
  /** Sizes and scalars. */
  readonly rest: readonly (number | object)[];
  /** The length of the whole range. */
  readonly range: number;
}

/** A kernel and everything it may be called with. */
export interface KernelCase {
  readonly kernel: keyof Kernels;
  /** The sizes, from which all else follows. */
  readonly sizes: fc.Arbitrary<Record<string, number>>;
  readonly make: (sizes: Record<string, number>) => KernelData;
}

/** Runs a kernel on the arrays of a case. */
export function call(
  kernels: Kernels,
  kernel: keyof Kernels,
  outputs: readonly KernelArray[],
  inputs: readonly KernelArray[],
  rest: readonly (number | object)[],
  begin: number,
  end: number,
): void {
  const run = kernels[kernel] as (...args: readonly (KernelArray | number | object)[]) => void;
  run(...outputs, ...inputs, ...rest, begin, end);
}

/** Sizes about the widths of vectors, tiles and blocks. */
const AROUND = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65];
const upTo = (max: number, min = 0): fc.Arbitrary<number> =>
  fc.constantFrom(...AROUND.filter((size) => size >= min && size <= max));
/** Mostly small, at times several blocks. */
const wide = (min = 0): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 5, arbitrary: upTo(65, min) },
    { weight: 1, arbitrary: fc.constantFrom(127, 128, 129, 257, 1030) },
  );
const flag = fc.constantFrom(0, 1);

/** Seeded numbers. */
class Draw {
  readonly #random = new Random(7);
  /** Numbers in [-scale, scale) + shift. */
  floats(count: number, scale = 1, shift = 0): Float32Array {
    return Float32Array.from({ length: count }, () => scale * (2 * this.#random.uniform() - 1) + shift);
  }
  /** Whole numbers in [0, limit). */
  integers(count: number, limit: number): Int32Array {
    return Int32Array.from({ length: count }, () => this.#random.integer(limit));
  }
  /** `array` with `value` in about every n-th place. */
  sprinkle<A extends KernelArray>(array: A, value: number, n: number): A {
    array.forEach((_, i) => this.#random.integer(n) === 0 && (array[i] = value));
    return array;
  }
}

function kernelCase<S extends string>(
  kernel: keyof Kernels,
  sizes: Record<S, fc.Arbitrary<number>>,
  make: (sizes: Record<S, number>, draw: Draw) => KernelData,
): KernelCase {
  return { kernel, sizes: fc.record(sizes), make: (drawn) => make(drawn as Record<S, number>, new Draw()) };
}

/** The outputs of a kernel of the plain loops, for backward kernels that read them. */
function outputsOf(kernel: keyof Kernels, { outputs, inputs, rest, range }: KernelData): Float32Array[] {
  const arrays = outputs.map((length) => new Float32Array(length as number));
  call(loops.kernels, kernel, arrays, inputs, rest, 0, range);
  return arrays;
}

/** Every value that needs care, for functions of one number. */
const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1e-40, -1e-40, 1, -1, 1e30, -1e30];

const elementwise: KernelCase[] = [
  ...(["add", "sub", "mul", "div"] as const).map((kernel) =>
    kernelCase(kernel, { n: wide(), aSize: wide(1), bSize: wide(1), whole: fc.nat(3) }, (sizes, draw) => {
      const { n, whole } = sizes;
      // One operand or both are as long as the result.
      const aSize = whole === 1 ? sizes.aSize : n;
      const bSize = whole > 1 ? sizes.bSize : n;
      return { outputs: [n], inputs: [draw.floats(aSize), draw.floats(bSize)], rest: [aSize, bSize], range: n };
    }),
  ),
  kernelCase("scale", { n: wide() }, ({ n }, draw) => ({
    outputs: [n],
    inputs: [draw.floats(n)],
    rest: [0.3],
    range: n,
  })),
  ...(["exp", "sin", "cos", "tanh", "sigmoid", "relu", "gelu", "geluTanh", "silu"] as const).map((kernel) =>
    kernelCase(kernel, { n: wide(), scale: fc.constantFrom(1, 8) }, ({ n, scale }, draw) => ({
      outputs: [n],
      inputs: [draw.floats(n, scale)],
      rest: [],
      range: n,
    })),
  ),
  kernelCase("log", { n: wide() }, ({ n }, draw) => ({
    outputs: [n],
    inputs: [draw.floats(n, 5, 5.01)],
    rest: [],
    range: n,
  })),
  ...(["tanhBackward", "sigmoidBackward"] as const).map((kernel) =>
    kernelCase(kernel, { n: wide() }, ({ n }, draw) => ({
      outputs: [n],
      inputs: [draw.floats(n), draw.floats(n)],
      rest: [],
      range: n,
    })),
  ),
  ...(["reluBackward", "geluBackward", "geluTanhBackward", "siluBackward"] as const).map((kernel) =>
    kernelCase(kernel, { n: wide() }, ({ n }, draw) => ({
      outputs: [n],
      inputs: [draw.floats(n), draw.sprinkle(draw.floats(n, 6), 0, 5)],
      rest: [],
      range: n,
    })),
  ),
  kernelCase("adamW", { n: wide() }, ({ n }, draw) => ({
    outputs: [n, n, n],
    inputs: [draw.floats(n), draw.floats(n), draw.floats(n, 0.1), draw.floats(n, 0.01, 0.01)],
    rest: [
      {
        ...{ learningRate: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 },
        ...{ correction1: 0.1, correction2: 0.001, gradScale: 0.5 },
      },
    ],
    range: n,
  })),
];

const box = { outer: upTo(9), axis: upTo(65, 1), inner: upTo(33) };
/** Numbers of which many are equal, and some NaN. */
const ties = (draw: Draw, count: number, nan: number): Float32Array => {
  const data = draw.floats(count, 4).map((value) => Math.round(value));
  return nan === 1 ? draw.sprinkle(data, NaN, 20) : data;
};

const reductions: KernelCase[] = [
  kernelCase("sumAxis", { ...box, axis: upTo(65) }, ({ outer, axis, inner }, draw) => ({
    outputs: [outer * inner],
    inputs: [draw.floats(outer * axis * inner)],
    rest: [outer, axis, inner],
    range: outer * inner,
  })),
  kernelCase("sumAxis", { axis: wide(), offset: fc.constantFrom(0, 10) }, ({ axis, offset }, draw) => ({
    outputs: [3],
    inputs: [draw.floats(3 * axis, 1, offset)],
    rest: [3, axis, 1],
    range: 3,
  })),
  kernelCase("maxAxis", { ...box, nan: flag }, ({ outer, axis, inner, nan }, draw) => ({
    outputs: [outer * inner, [outer * inner, "int32"]],
    inputs: [ties(draw, outer * axis * inner, nan)],
    rest: [outer, axis, inner],
    range: outer * inner,
  })),
  kernelCase("maxAxisBackward", box, ({ outer, axis, inner }, draw) => ({
    outputs: [outer * axis * inner],
    inputs: [draw.floats(outer * inner), draw.integers(outer * inner, axis)],
    rest: [outer, axis, inner],
    range: outer * inner,
  })),
  kernelCase(
    "sumSquares",
    { size: fc.oneof(wide(), fc.constantFrom(SUM_CHUNK - 1, SUM_CHUNK, SUM_CHUNK + 1, 3 * SUM_CHUNK + 17)) },
    ({ size }, draw) => {
      const chunks = Math.ceil(size / SUM_CHUNK);
      return { outputs: [[chunks, "float64"]], inputs: [draw.floats(size)], rest: [size], range: chunks };
    },
  ),
];

const layouts: KernelCase[] = [
  kernelCase("expand", { outer: upTo(9), repeat: upTo(9), inner: wide() }, ({ outer, repeat, inner }, draw) => ({
    outputs: [outer * repeat * inner],
    inputs: [draw.floats(outer * inner)],
    rest: [outer, repeat, inner],
    range: outer,
  })),
  kernelCase(
    "transpose",
    { outer: upTo(3), rows: upTo(33), middle: upTo(3), cols: upTo(33), inner: fc.oneof(fc.constant(1), upTo(17)) },
    ({ outer, rows, middle, cols, inner }, draw) => {
      const size = outer * rows * middle * cols * inner;
      const rest = [outer, rows, middle, cols, inner];
      return { outputs: [size], inputs: [draw.floats(size)], rest, range: outer * cols };
    },
  ),
  kernelCase(
    "copyRuns",
    { runs: upTo(17), length: wide(), outGap: fc.nat(4), outStart: fc.nat(4), xGap: fc.nat(4), xStart: fc.nat(4) },
    ({ runs, length, outGap, outStart, xGap, xStart }, draw) => ({
      outputs: [outStart + runs * (length + outGap)],
      inputs: [draw.floats(xStart + runs * (length + xGap))],
      rest: [length, length + outGap, outStart, length + xGap, xStart],
      range: runs,
    }),
  ),
  kernelCase(
    "gather",
    { count: upTo(17), tableRows: upTo(9, 1), cols: wide() },
    ({ count, tableRows, cols }, draw) => ({
      outputs: [count * cols],
      inputs: [draw.floats(tableRows * cols), draw.integers(count, tableRows)],
      rest: [count, cols],
      range: count,
    }),
  ),
  kernelCase("scatterAdd", { count: upTo(17), tableRows: upTo(9, 1), cols: wide() }, (sizes, draw) => {
    const { count, tableRows, cols } = sizes;
    return {
      outputs: [tableRows * cols],
      inputs: [draw.floats(count * cols), draw.integers(count, tableRows)],
      rest: [count, tableRows, cols],
      range: tableRows,
    };
  }),
  kernelCase("rotary", { heads: upTo(5), seq: upTo(9), half: upTo(33), pairs: flag, inverse: flag }, (sizes, draw) => {
    const { heads, seq, half, pairs, inverse } = sizes;
    const angles = draw.floats(seq * half, 3);
    return {
      outputs: [heads * seq * 2 * half],
      inputs: [draw.floats(heads * seq * 2 * half), angles.map(Math.cos), angles.map(Math.sin)],
      rest: [heads, seq, 2 * half, pairs, inverse],
      range: heads,
    };
  }),
];

const matrices: KernelCase[] = [
  [upTo(3), upTo(49), upTo(65), upTo(49)],
  [fc.constant(1), fc.constantFrom(1, 100, 131), fc.constantFrom(300, 513), fc.constantFrom(1, 70, 97)],
].map(([batch, m, k, n]) =>
  kernelCase("matmul", { batch, m, k, n, transposeA: flag, transposeB: flag }, (sizes, draw) => ({
    outputs: [sizes.batch * sizes.m * sizes.n],
    inputs: [draw.floats(sizes.batch * sizes.m * sizes.k), draw.floats(sizes.batch * sizes.k * sizes.n)],
    rest: [sizes.batch, sizes.m, sizes.k, sizes.n, sizes.transposeA, sizes.transposeB],
    range: sizes.batch * sizes.m,
  })),
);

/** `depth` counts blocks for the forms that have them. */
const storedSizes = { form: fc.nat(3), m: upTo(7), depth: upTo(33), n: upTo(9) };
const stored = (["widen", "linearStored"] as const).map((kernel) =>
  kernelCase(kernel, storedSizes, ({ form, m, depth, n }, draw) => {
    const k = form < 2 ? depth : 32 * depth;
    const weight = randomStored(form, n * k, 7);
    if (kernel === "widen") return { outputs: [n * k], inputs: [weight], rest: [form, k], range: n };
    return { outputs: [m * n], inputs: [draw.floats(m * k), weight], rest: [form, m, k, n], range: n };
  }),
);

const matrix = { rows: upTo(9), cols: wide() };
/**
 * Rows of logits; in some of them -Infinity, in the first of them perhaps nothing else, or NaN, and Infinity in the second; or
 * in each of them one that is so great that it has to be found.
 */
const logits = (draw: Draw, rows: number, cols: number, flavour: number): Float32Array => {
  const data = draw.floats(rows * cols, 8);
  if (flavour > 0 && flavour < 4) draw.sprinkle(data, -Infinity, 3);
  if (flavour === 2) data.fill(-Infinity, 0, cols);
  if (flavour === 3) {
    data.fill(NaN, 0, Math.min(1, cols));
    data.fill(Infinity, cols, cols + Math.min(1, cols));
  }
  if (flavour === 4 && cols > 0) draw.integers(rows, cols).forEach((column, row) => (data[row * cols + column] = 150));
  return data;
};

const rowFunctions: KernelCase[] = [
  ...(["softmax", "logSoftmax"] as const).map((kernel) =>
    kernelCase(kernel, { ...matrix, flavour: fc.nat(4) }, ({ rows, cols, flavour }, draw) => ({
      outputs: [rows * cols],
      inputs: [logits(draw, rows, cols, flavour)],
      rest: [rows, cols],
      range: rows,
    })),
  ),
  ...(["softmaxBackward", "logSoftmaxBackward"] as const).map((kernel) =>
    kernelCase(kernel, { ...matrix, flavour: fc.nat(2) }, ({ rows, cols, flavour }, draw) => {
      const common = { outputs: [rows * cols], rest: [rows, cols], range: rows };
      const forward = kernel === "softmaxBackward" ? "softmax" : "logSoftmax";
      const [y] = outputsOf(forward, { ...common, inputs: [logits(draw, rows, cols, flavour)] });
      return { ...common, inputs: [draw.floats(rows * cols), y] };
    }),
  ),
  ...(["crossEntropy", "crossEntropyBackward"] as const).map((kernel) =>
    kernelCase(
      kernel,
      { ...matrix, cols: wide(1), smoothing: fc.constantFrom(0, 0.1, 1), flavour: fc.constantFrom(0, 1, 4) },
      ({ rows, cols, smoothing, flavour }, draw) => {
        const data = logits(draw, rows, cols, smoothing > 0 && flavour === 1 ? 0 : flavour);
        const targets = draw.sprinkle(draw.integers(rows, cols), -100, 4);
        const rest = [rows, cols, -100, smoothing];
        const forward = { outputs: [rows, rows], inputs: [data, targets], rest, range: rows };
        if (kernel === "crossEntropy") return forward;
        const [, logSumExp] = outputsOf("crossEntropy", forward);
        return { ...forward, outputs: [rows * cols], inputs: [logSumExp, data, targets], rest: [...rest, 0.25] };
      },
    ),
  ),
];

const normed = { ...matrix, offset: fc.constantFrom(0, 10) };

const norms: KernelCase[] = (["layerNorm", "rmsNorm"] as const).flatMap((kernel) => {
  const forward = ({ rows, cols, offset }: Record<"rows" | "cols" | "offset", number>, draw: Draw): KernelData => {
    const x = draw.floats(rows * cols, 1, offset);
    const bias = kernel === "layerNorm" ? [draw.floats(cols)] : [];
    const statistics = kernel === "layerNorm" ? [rows, rows] : [rows];
    const inputs = [x, draw.floats(cols), ...bias];
    return { outputs: [rows * cols, ...statistics], inputs, rest: [rows, cols, 1e-5], range: rows };
  };
  const backward = (sizes: Record<"rows" | "cols" | "offset", number>, draw: Draw): KernelData => {
    const { rows, cols } = sizes;
    const data = forward(sizes, draw);
    const [x, weight] = data.inputs;
    const [, ...statistics] = outputsOf(kernel, data);
    const inputs = [draw.floats(rows * cols), x, weight, ...statistics];
    return { outputs: [rows * cols], inputs, rest: [rows, cols], range: rows };
  };
  return [
    kernelCase(kernel, normed, forward),
    kernelCase(`${kernel}Backward`, normed, backward),
    kernelCase(`${kernel}BackwardParameters`, normed, (sizes, draw) => {
      const { cols } = sizes;
      const { inputs, rest } = backward(sizes, draw);
      const outputs = kernel === "layerNorm" ? [cols, cols] : [cols];
      return { outputs, inputs: inputs.filter((_, i) => i !== 2), rest, range: cols };
    }),
  ];
});

const attentionSizes = {
  ...{ batch: upTo(2), shared: upTo(3, 1), nKvHeads: upTo(2, 1), headDim: upTo(65), causal: flag },
  ...{ seq: upTo(33), past: fc.constantFrom(0, 1, 5, 16, 40), room: fc.nat(3), window: fc.constantFrom(1, 3, 10, 100) },
};

const attentions: KernelCase[] = (["attention", "attentionBackward"] as const).map((kernel) =>
  kernelCase(kernel, attentionSizes, ({ batch, shared, nKvHeads, headDim, causal, seq, past, room, window }, draw) => {
    const nHeads = shared * nKvHeads;
    const keyLen = seq + past;
    const heads = { batch, nHeads, nKvHeads, headDim };
    const sizes: AttentionSizes = { ...heads, seq, keyLen, keyRows: keyLen + room, causal, window };
    const queries = batch * nHeads * seq;
    const keys = batch * nKvHeads * sizes.keyRows * headDim;
    const inputs = [draw.floats(queries * headDim, 2), draw.floats(keys, 2), draw.floats(keys)];
    // No larger: where all weight falls on one key, the gradients are nothing but rounding errors.
    const rest = [sizes, 1 / Math.sqrt(headDim + 1)];
    const forward = { outputs: [queries * headDim, queries], inputs, rest, range: batch * nHeads };
    if (kernel === "attention") return forward;
    const saved = outputsOf("attention", forward);
    return {
      outputs: [queries * headDim, keys, keys],
      inputs: [draw.floats(queries * headDim), ...saved, ...inputs],
      rest,
      range: batch * nKvHeads,
    };
  }),
);

/** Every kernel, some with several ranges of sizes. */
export const kernelCases: readonly KernelCase[] = [
  ...[...elementwise, ...reductions, ...layouts, ...matrices, ...stored],
  ...[...rowFunctions, ...norms, ...attentions],
];

/** Kernels of one array, or of a gradient and one, on every value that needs care. */
export const specialCases: readonly Pick<KernelCase, "kernel" | "make">[] = elementwise.flatMap(({ kernel, make }) => {
  const { inputs, rest } = make({ n: SPECIAL.length, scale: 1 });
  if (inputs.length > 2 || rest.length > 1) return [];
  const grad = new Float32Array(SPECIAL.length).fill(0.5);
  const data = { outputs: [SPECIAL.length], inputs: [...inputs.slice(1).map(() => grad), Float32Array.from(SPECIAL)] };
  return [{ kernel, make: () => ({ ...data, rest, range: SPECIAL.length }) }];
});
