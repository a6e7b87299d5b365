/**
 * Causal attention, forwards and backwards, and one decoded token against 512 cached ones. Only the products that the mask leaves
 * are counted: two for each query and visible key forwards; five more backwards, one of them the scores once again.
 */
import { attention as attend, noGrad, scope } from "heed";
import type { Tensor } from "heed";
import type { BenchCase, Subject } from "./harness.ts";
import { uniformTensor } from "./seeded.ts";

/** Sizes of attention. */
export interface Sizes {
  batch: number;
  nHeads: number;
  nKvHeads: number;
  seq: number;
  headDim: number;
}

/** Products of the forward pass. */
export const FORWARD_PRODUCTS = 2;
/** Products of the backward pass. */
export const BACKWARD_PRODUCTS = 5;

function makeTensors(
  { batch, nHeads, nKvHeads, seq, headDim }: Sizes,
  keyLen: number,
  requiresGrad: boolean,
): [q: Tensor, k: Tensor, v: Tensor] {
  return [
    uniformTensor([batch, nHeads, seq, headDim], 1, { requiresGrad }),
    uniformTensor([batch, nKvHeads, keyLen, headDim], 2, { requiresGrad }),
    uniformTensor([batch, nKvHeads, keyLen, headDim], 3, { requiresGrad }),
  ];
}

/** Operations of one product over all pairs of a query and a key that it sees; `past` keys come before the first query. */
export function productWork({ batch, nHeads, seq, headDim }: Sizes, past: number): number {
  return 2 * headDim * batch * nHeads * (seq * past + (seq * (seq + 1)) / 2);
}

function forwardCase(name: string, sizes: Sizes): BenchCase {
  return {
    name: `attention forward ${name}`,
    unit: "GFLOP/s",
    work: FORWARD_PRODUCTS * productWork(sizes, 0),
    setup: () => {
      const [q, k, v] = makeTensors(sizes, sizes.seq, false);
      return () => scope(() => noGrad(() => attend(q, k, v)).data[0]);
    },
  };
}

function backwardCase(name: string, sizes: Sizes): BenchCase {
  return {
    name: `attention forward + backward ${name}`,
    unit: "GFLOP/s",
    work: (FORWARD_PRODUCTS + BACKWARD_PRODUCTS) * productWork(sizes, 0),
    setup: () => {
      const inputs = makeTensors(sizes, sizes.seq, true);
      const [q, k, v] = inputs;
      const gradOut = uniformTensor(q.shape, 4);
      return () =>
        scope(() => {
          for (const input of inputs) input.grad = null;
          attend(q, k, v).backward(gradOut);
          return inputs.reduce((total, { grad }) => total + (grad as Tensor).data[0], 0);
        });
    },
  };
}

function decodeCase(name: string, past: number, sizes: Sizes): BenchCase {
  return {
    name: `attention decode 1 token after ${past} ${name}`,
    unit: "GFLOP/s",
    work: FORWARD_PRODUCTS * productWork(sizes, past),
    setup: () => {
      const [q, k, v] = makeTensors(sizes, past + 1, false);
      return () => scope(() => noGrad(() => attend(q, k, v)).data[0]);
    },
  };
}

const nanoGPT: Sizes = { batch: 12, nHeads: 4, nKvHeads: 4, seq: 64, headDim: 32 };
const gpt2: Sizes = { batch: 1, nHeads: 12, nKvHeads: 12, seq: 512, headDim: 64 };
const llama15M: Sizes = { batch: 1, nHeads: 6, nKvHeads: 6, seq: 256, headDim: 48 };

/** Attention. */
export const attention: Subject = {
  name: "attention",
  cases: [
    forwardCase("nanoGPT recipe 12×4×64×32", nanoGPT),
    backwardCase("nanoGPT recipe 12×4×64×32", nanoGPT),
    forwardCase("Llama 15M 1×6×256×48", llama15M),
    forwardCase("GPT-2 1×12×512×64", gpt2),
    backwardCase("GPT-2 1×12×512×64", gpt2),
    decodeCase("Llama 15M", 512, { ...llama15M, seq: 1 }),
    decodeCase("GPT-2", 512, { ...gpt2, seq: 1 }),
    decodeCase("Llama 134M, 12 heads on 4", 512, { ...gpt2, nKvHeads: 4, seq: 1 }),
  ],
};
