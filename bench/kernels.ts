/**
 * Kernels one by one at the sizes of real steps, vectorised and as plain loops, in turns. Kernels that do little with each number are
 * also measured on arrays that no cache holds, beside plain copying.
 */
import type { Block, Kernels } from "../src/backend/backend.ts";
import { kernels as activeKernels } from "../src/backend/current.ts";
import { loops } from "../src/backend/loops/loops.ts";
import { call, kernelCases } from "../test/backend/kernel-cases.ts";
import type { KernelArray, KernelData } from "../test/backend/kernel-cases.ts";
import { BACKWARD_PRODUCTS, FORWARD_PRODUCTS, productWork } from "./attention.ts";
import { pinInPlace, whyNoWasm } from "./chosen-backend.ts";

import type { BenchCase, Subject } from "./harness.ts";
import { streaming } from "./streaming.ts";

/** A kernel at some sizes, which the tests' data generator understands. */
interface Kernel {
  readonly kernel: keyof Kernels;
  readonly sizes: Record<string, number>;
  /** The sizes in words. */
  readonly at: string;
  /** Elements, or operations with `unit` "GFLOP/s". */
  readonly work: number;
  readonly unit?: "GFLOP/s";
}

type ArrayType = Float32ArrayConstructor | Float64ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor;

function makeData({ kernel, sizes }: Kernel): KernelData {
  const found = kernelCases.find((each) => each.kernel === kernel);
  if (found === undefined) throw new Error(`no data for ${kernel}`);
  return found.make(sizes);
}

/** The arrays of a kernel, which `allocate` finds places for. */
function arraysOf(
  { outputs, inputs }: KernelData,
  allocate: (type: ArrayType, length: number) => KernelArray,
): { outputs: KernelArray[]; inputs: KernelArray[] } {
  const types = { float64: Float64Array, int32: Int32Array };
  return {
    outputs: outputs.map((each) =>
      typeof each === "number" ? allocate(Float32Array, each) : allocate(types[each[1]], each[0]),
    ),
    inputs: inputs.map((each) => {
      const array = allocate(each.constructor as ArrayType, each.length);
      array.set(each);
      return array;
    }),
  };
}

/** The same kernel as loops on ordinary arrays, and vectorised on arrays in linear memory. */
function pairOf(each: Kernel): BenchCase[] {
  const { kernel, at, work, unit = "Melem/s" } = each;
  const name = `kernels ${kernel} ${at}`;
  const common = { unit, work, together: name, unavailable: whyNoWasm } as const;
  const blocks: Block[] = [];
  const runOn = (kernels: () => Kernels, allocate: (type: ArrayType, length: number) => KernelArray) => () => {
    const data = makeData(each);
    const { outputs, inputs } = arraysOf(data, allocate);
    const own = kernels();
    return () => {
      call(own, kernel, outputs, inputs, data.rest, 0, data.range);
      return outputs[0][0];
    };
  };
  const pin = (type: ArrayType, length: number): KernelArray => {
    const block = pinInPlace(Math.ceil((length * type.BYTES_PER_ELEMENT) / 4));
    blocks.push(block);
    const { buffer, byteOffset } = block.data;
    return new type(buffer as ArrayBuffer, byteOffset, length);
  };
  return [
    {
      ...common,
      name: `${name}, loops`,
      setup: runOn(
        () => loops.kernels,
        (type, length) => new type(length),
      ),
    },
    {
      ...common,
      name: `${name}, wasm`,
      baseline: `${name}, loops`,
      setup: runOn(activeKernels, pin),
      teardown: () => blocks.splice(0).forEach((block) => block.release()),
    },
  ];
}

// Sizes of nanoGPT's CPU recipe: 768 tokens at once, 128 wide, 512 inside the feed-forward layer, 12 × 4 heads of 32.
const N = 768 * 512;
const attentionSizes = { batch: 12, nHeads: 4, nKvHeads: 4, seq: 64, headDim: 32 };
const attentionWork = productWork(attentionSizes, 0);

const numbers = (kernel: keyof Kernels, sizes: Record<string, number> = {}): Kernel => {
  return { kernel, sizes: { n: N, scale: 4, ...sizes }, at: N.toLocaleString("en-US"), work: N };
};
const rows = (kernel: keyof Kernels, count: number, cols: number): Kernel => {
  const sizes = { rows: count, cols, offset: 0, flavour: 0, smoothing: 0 };
  return { kernel, sizes, at: `${count}×${cols}`, work: count * cols };
};
const box = (kernel: keyof Kernels, at: string, sizes: Record<string, number>, work: number): Kernel => {
  return { kernel, sizes, at, work };
};

/** Of weights [n, 768]; the generator counts in blocks. */
const storedSizes = (form: number, m: number, n: number): Record<string, number> => {
  return { form, m, depth: form < 2 ? 768 : 24, n };
};

const table: readonly Kernel[] = [
  numbers("add", { aSize: N, bSize: N, whole: 0 }),
  { ...numbers("add", { aSize: N, bSize: 512, whole: 2 }), at: "768×512 + row" },
  numbers("mul", { aSize: N, bSize: N, whole: 0 }),
  numbers("div", { aSize: N, bSize: N, whole: 0 }),
  ...(["scale", "exp", "log", "tanh", "sigmoid", "relu", "gelu", "geluTanh", "silu"] as const).map((k) => numbers(k)),
  ...(["reluBackward", "geluBackward", "geluTanhBackward", "siluBackward"] as const).map((k) => numbers(k)),
  box("sumAxis", "768×512 over rows", { outer: 1, axis: 768, inner: 512, offset: 0 }, N),
  box("sumAxis", "768×512 over columns", { outer: 768, axis: 512, inner: 1, offset: 0 }, N),
  box("maxAxis", "768×512 over columns", { outer: 768, axis: 512, inner: 1, nan: 0 }, N),
  box("sumSquares", N.toLocaleString("en-US"), { size: N }, N),
  box("transpose", "768×512", { outer: 1, rows: 768, middle: 1, cols: 512, inner: 1 }, N),
  box("transpose", "12×64×4×32 to heads", { outer: 12, rows: 64, middle: 1, cols: 4, inner: 32 }, 768 * 128),
  box("expand", "768 rows of 512", { outer: 1, repeat: 768, inner: 512 }, N),
  box(
    "copyRuns",
    "768×128 out of 768×384",
    { runs: 768, length: 128, outGap: 0, outStart: 0, xGap: 256, xStart: 0 },
    768 * 128,
  ),
  box("gather", "768×128", { count: 768, tableRows: 65, cols: 128 }, 768 * 128),
  box("scatterAdd", "768×128 into 65", { count: 768, tableRows: 65, cols: 128 }, 768 * 128),
  ...["F16", "BF16", "Q8_0", "Q4_0"].flatMap((name, form) => [
    box("widen", `256×768 ${name}`, storedSizes(form, 1, 256), 256 * 768),
    box("linearStored", `768 to 2048, ${name}`, storedSizes(form, 1, 2048), 2048 * 768),
  ]),
  ...([0, 1] as const).map((pairs) =>
    box(
      "rotary",
      `48×64×32 ${pairs === 0 ? "halves" : "pairs"}`,
      { heads: 48, seq: 64, half: 16, pairs, inverse: 0 },
      768 * 128,
    ),
  ),
  rows("softmax", 3072, 64),
  rows("softmax", 768, 65),
  rows("softmaxBackward", 768, 65),
  rows("logSoftmax", 768, 65),
  rows("logSoftmaxBackward", 768, 65),
  rows("crossEntropy", 768, 65),
  rows("crossEntropyBackward", 768, 65),
  rows("layerNorm", 768, 128),
  rows("layerNormBackward", 768, 128),
  rows("layerNormBackwardParameters", 768, 128),
  rows("rmsNorm", 768, 128),
  rows("rmsNormBackward", 768, 128),
  rows("rmsNormBackwardParameters", 768, 128),
  box("adamW", "1,048,576", { n: 2 ** 20 }, 2 ** 20),
  ...(["attention", "attentionBackward"] as const).map((kernel): Kernel => ({
    kernel,
    sizes: { ...attentionSizes, shared: 1, causal: 1, past: 0, room: 0, window: 64 },
    at: "12×4×64×32",
    work: (kernel === "attention" ? FORWARD_PRODUCTS : BACKWARD_PRODUCTS) * attentionWork,
    unit: "GFLOP/s",
  })),
];

/** Kernels one by one. */
export const kernels: Subject = {
  name: "kernels",
  cases: [...table.flatMap(pairOf), ...streaming],
};
