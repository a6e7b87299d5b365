/**
 * Decoding against memory: one row times matrices that no cache holds, in GB of weights for each second, beside the fastest of
 * several ways to do nothing but read the same bytes. Everything lies in linear memory, as the weights of a model do.
 */
import { availableParallelism, freemem } from "node:os";
import { backend } from "heed";
import { whyNoWasm } from "./chosen-backend.ts";
import type { BenchCase, Subject } from "./harness.ts";
import { uniformArray } from "./seeded.ts";
import { BLOCK, STREAMS, Shared, Streams } from "./streams.ts";
import type { StreamCount } from "./streams.ts";

/** At least so many bytes are gone through in a run: far more than caches hold. */
const BYTES = 2 ** 31;

/** weights [n, k], as many of them as make up `BYTES`. */
interface Layer {
  readonly k: number;
  readonly n: number;
}

const layers: readonly Layer[] = [
  { k: 768, n: 8192 },
  { k: 2048, n: 8192 },
];

const countOf = ({ k, n }: Layer): number => Math.ceil(BYTES / (4 * k * n));
const FLOATS = Math.max(BYTES / 4, ...layers.map((layer) => countOf(layer) * layer.k * layer.n));
const MOST_OUTPUTS = Math.max(...layers.map(({ n }) => n), Math.ceil(4 * (FLOATS / BLOCK)));
const MOST_INPUTS = Math.max(...layers.map(({ k }) => k));

/** What all cases work on. */
interface Workplace {
  readonly streams: Streams;
  readonly weights: Float32Array;
  readonly x: Float32Array;
  readonly out: Float32Array;
}

const workplace = new Shared<Workplace>(
  () => {
    const streams = new Streams(backend.info().relaxed);
    const pin = (size: number): Float32Array => {
      const block = streams.memory.pin(size);
      if (block === undefined) throw new Error(`no room for ${size} numbers in linear memory`);
      return block.data;
    };
    const [weights, x, out] = [pin(FLOATS), pin(MOST_INPUTS), pin(MOST_OUTPUTS)];
    weights.set(uniformArray(2 ** 16, 1));
    for (let filled = 2 ** 16; filled < FLOATS; filled *= 2) weights.copyWithin(filled, 0, filled);
    x.set(uniformArray(MOST_INPUTS, 2));
    return { streams, weights, x, out };
  },
  ({ streams }) => streams.stop(),
);

function unavailable(threads: number): string | undefined {
  const reason = whyNoWasm();
  if (reason !== undefined) return reason;
  if (availableParallelism() < threads) return `there are fewer than ${threads} processors`;
  return freemem() < 1.25 * BYTES ? "needs 2.5 GiB of free memory" : undefined;
}

function makeCase(
  name: string,
  threads: number,
  work: number,
  run: (place: Workplace) => number,
  baseline?: readonly string[],
): BenchCase {
  return {
    name: `memory ${name}, ${formatThreads(threads)}`,
    unit: "GB/s",
    work,
    together: "memory",
    unavailable: () => unavailable(threads),
    ...(baseline !== undefined && { baseline }),
    setup: async () => {
      const place = await workplace.takeReady(({ streams }) => streams.prepare(threads));
      return () => {
        place.streams.use(threads);
        return run(place);
      };
    },
    teardown: () => workplace.leave(),
  };
}

const formatThreads = (threads: number): string => `${threads} thread${threads === 1 ? "" : "s"}`;

function readCase(count: StreamCount, threads: number): BenchCase {
  return makeCase(`read by ${count} stream${count === 1 ? "" : "s"}`, threads, BYTES, ({ streams, weights, out }) =>
    streams.read(count, out, weights.subarray(0, BYTES / 4)),
  );
}

function productCase(layer: Layer, threads: number, baseline: readonly string[]): BenchCase {
  const { k, n } = layer;
  const count = countOf(layer);
  const run = ({ streams, weights, x, out }: Workplace): number => {
    const [from, to] = [x.subarray(0, k), out.subarray(0, n)];
    let total = 0;
    for (let i = 0; i < count; i++) {
      streams.matmul(to, from, weights.subarray(i * n * k, (i + 1) * n * k), 1, 1, k, n, 0, 1, 0, 1);
      total += to[i];
    }
    return total;
  };
  return makeCase(`product 1×${k}×${n}, ${count} matrices`, threads, count * 4 * k * n, run, baseline);
}

/** One row times matrices out of memory. */
export const bandwidth: Subject = {
  name: "memory",
  cases: [1, 2].flatMap((threads) => {
    const reads = STREAMS.map((count) => readCase(count, threads));
    const names = reads.map(({ name }) => name);
    return [...reads, ...layers.map((layer) => productCase(layer, threads, names))];
  }),
};
