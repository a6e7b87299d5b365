/**
 * What grows with the length of a text must grow no faster than the text: the memory of attention, forwards and backwards, and the
 * time of a decoded token. The report compares the points with a straight line.
 */
import { attention as attend, presets, scope } from "heed";
import type { ModelConfig, Tensor } from "heed";
import { backendMemory } from "../src/backend/current.ts";
import { LinearMemory } from "../src/backend/wasm/memory.ts";
import { BACKWARD_PRODUCTS, FORWARD_PRODUCTS, productWork } from "./attention.ts";
import type { Sizes } from "./attention.ts";
import { whyNoWasm } from "./chosen-backend.ts";
import type { BenchCase, Subject } from "./harness.ts";
import { llamaWithUniformWeights, randomTokens, uniformTensor } from "./seeded.ts";

const LENGTHS = [512, 1024, 2048, 4096, 8192] as const;
const MIB = 2 ** 20;

/** One pass: memory is the point, and the time of the longest is some seconds. */
function memoryCase(seq: number): BenchCase {
  const sizes: Sizes = { batch: 1, nHeads: 4, nKvHeads: 4, seq, headDim: 64 };
  let peakMiB = 0;
  const run = (): number =>
    scope(() => {
      const memory = backendMemory();
      if (!(memory instanceof LinearMemory)) throw new Error("the arrays do not lie in linear memory");
      const shape = [sizes.batch, sizes.nHeads, seq, sizes.headDim];
      const [q, k, v] = [1, 2, 3].map((seed) => uniformTensor(shape, seed, { requiresGrad: true }));
      attend(q, k, v).backward(uniformTensor(shape, 4));
      peakMiB = memory.peak / MIB;
      return (q.grad as Tensor).data[0];
    });
  return {
    name: `curves room for attention forward + backward, ${seq} tokens`,
    unit: "GFLOP/s",
    work: (FORWARD_PRODUCTS + BACKWARD_PRODUCTS) * productWork(sizes, 0),
    once: true,
    unavailable: whyNoWasm,
    setup: () => run,
    figures: () => ({ peakMiB }),
    curve: { name: "room for attention forward + backward", at: seq, figure: "peakMiB" },
  };
}

/** Small, so that the past takes most of the time. */
const llama: ModelConfig = presets.llama({
  vocabSize: 512,
  contextLength: LENGTHS[LENGTHS.length - 1] + 1,
  dModel: 256,
  nLayers: 4,
  nHeads: 4,
  nKvHeads: 4,
});

/** One token after `past` others, whose keys and values are put into the cache as they are: reading them would take far longer. */
function decodeCase(past: number): BenchCase {
  return {
    name: `curves decode after ${past} tokens, 4 layers × 256`,
    unit: "tokens/s",
    work: 1,
    together: "decode",
    setup: () => {
      const model = llamaWithUniformWeights(llama, 1);
      const { nLayers, nKvHeads, headDim } = model.config;
      const kvCache = model.newCache();
      const shape = [1, nKvHeads, past, headDim];
      for (let layer = 0; layer < nLayers; layer++)
        kvCache.append(layer, uniformTensor(shape, 2 * layer), uniformTensor(shape, 2 * layer + 1));
      kvCache.advance(past);
      const next = randomTokens(1, llama.vocabSize, 3);
      return () => {
        const logit = scope(() => model.forward(next, { kvCache, lastOnly: true }).data[0]);
        kvCache.rewind(past);
        return logit;
      };
    },
    curve: { name: "time of a decoded token", at: past },
  };
}

/** Growth with the length. */
export const curves: Subject = {
  name: "curves",
  cases: [...LENGTHS.map(memoryCase), ...LENGTHS.map(decodeCase)],
};
