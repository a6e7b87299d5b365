/** Kernels that do little with each number, on arrays of 64 MiB, which no cache holds: bytes read and written, beside plain copying. */
import { backend } from "heed";
import type { Block, Kernels } from "../src/backend/backend.ts";
import { kernels } from "../src/backend/current.ts";
import { pinInPlace, whyNoWasm } from "./chosen-backend.ts";
import type { BenchCase } from "./harness.ts";
import { uniformArray } from "./seeded.ts";
import { STREAMS, Shared, Streams } from "./streams.ts";

/** Floats of an array, and bytes. */
const SIZE = 2 ** 24;
const BYTES = 4 * SIZE;
/** As many as AdamW has arrays. */
const ARRAYS = 7;
const ROW = 128;

const arrays = new Shared<Block[]>(
  () =>
    Array.from({ length: ARRAYS }, () => {
      const block = pinInPlace(SIZE);
      fill(block.data);
      return block;
    }),
  (blocks) => blocks.forEach((block) => block.release()),
);

const roof = new Shared<{ streams: Streams; out: Float32Array; x: Float32Array }>(
  () => {
    const streams = new Streams(false);
    const [out, x] = [1, 2].map(() => {
      const block = streams.memory.pin(SIZE);
      if (block === undefined) throw new Error("there is no room in linear memory");
      fill(block.data);
      return block.data;
    });
    return { streams, out, x };
  },
  ({ streams }) => streams.stop(),
);

/** Positive numbers: running means of squares are. */
function fill(array: Float32Array): void {
  array.set(uniformArray(2 ** 16, 1).map(Math.abs));
  for (let filled = 2 ** 16; filled < array.length; filled *= 2) array.copyWithin(filled, 0, filled);
}

const common = { unit: "GB/s", together: "kernels out of cache", unavailable: whyNoWasm } as const;
const COPY = "kernels out of cache: plain copy";

function roofCase(
  name: string,
  work: number,
  run: (streams: Streams, out: Float32Array, x: Float32Array) => number,
): BenchCase {
  return {
    ...common,
    name,
    work,
    setup: async () => {
      const { threads } = backend.info();
      const { streams, out, x } = await roof.takeReady((place) => place.streams.prepare(threads));
      return () => run(streams.use(threads), out, x);
    },
    teardown: () => roof.leave(),
  };
}

function kernelCase(name: string, touched: number, run: (own: Kernels, arrays: Float32Array[]) => void): BenchCase {
  return {
    ...common,
    name: `kernels out of cache: ${name}`,
    work: touched * BYTES,
    baseline: COPY,
    setup: () => {
      const own = kernels();
      const blocks = arrays.take();
      return () => {
        const all = blocks.map(({ data }) => data);
        run(own, all);
        return all[0][0];
      };
    },
    teardown: () => arrays.leave(),
  };
}

const adamW = {
  ...{ learningRate: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 },
  ...{ correction1: 0.1, correction2: 0.01, gradScale: 1 },
};

const ROWS = SIZE / ROW;

/** Every row of a table once, in order or in one far from it: the multiplier is odd, and the number of rows a power of two. */
function gatherCase(name: string, multiplier: number): BenchCase {
  const ids = Int32Array.from({ length: ROWS }, (_, i) => (i * multiplier) % ROWS);
  return kernelCase(`gather of rows of ${ROW}, ${name}`, 2, (own, [out, x]) =>
    own.gather(out, x, ids, ROWS, ROW, 0, ROWS),
  );
}

/** The cases. */
export const streaming: readonly BenchCase[] = [
  ...STREAMS.map((count) =>
    roofCase(`kernels out of cache: plain read, ${count} stream${count === 1 ? "" : "s"}`, BYTES, (streams, out, x) =>
      streams.read(count, out, x),
    ),
  ),
  roofCase(COPY, 2 * BYTES, (streams, out, x) => streams.copy(out, x)),
  kernelCase("add", 3, (own, [out, a, b]) => own.add(out, a, b, SIZE, SIZE, 0, SIZE)),
  kernelCase("copyRuns", 2, (own, [out, x]) => own.copyRuns(out, x, ROW, ROW, 0, ROW, 0, 0, ROWS)),
  gatherCase("in order", 1),
  gatherCase("scattered", 40_503),
  kernelCase("adamW", 7, (own, [outP, outM, outV, param, grad, m, v]) =>
    own.adamW(outP, outM, outV, param, grad, m, v, adamW, 0, SIZE),
  ),
];
