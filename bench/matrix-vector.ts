/**
 * One row times a matrix: all that decoding does, and memory decides how fast. The measure is bytes of weights read for each
 * second, and the base a sum over the same weights, which is how fast a loop can read them at all.
 */
import { Tensor, linear, noGrad, scope } from "heed";
import type { BenchCase, Subject } from "./harness.ts";
import { uniformArray, uniformTensor } from "./seeded.ts";

/** Four sums at once, so that the loop waits for memory and not for its own additions. The length is a multiple of 4. */
function sumOf(values: Float32Array): number {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i += 4) {
    sum0 += values[i];
    sum1 += values[i + 1];
    sum2 += values[i + 2];
    sum3 += values[i + 3];
  }
  return sum0 + sum1 + sum2 + sum3;
}

/** The two cases of one layer: only adding up its weights, and using them. */
function layerCases(dIn: number, dOut: number, name: string): BenchCase[] {
  const sizes = `${dIn}×${dOut}`;
  const common = { unit: "GB/s", work: 4 * dIn * dOut } as const;
  const sum: BenchCase = {
    ...common,
    name: `matrix-vector sum ${sizes}`,
    setup: () => {
      const weights = uniformArray(dIn * dOut, 2);
      return () => sumOf(weights);
    },
  };
  const layer: BenchCase = {
    ...common,
    name: `matrix-vector ${sizes} ${name}`,
    baseline: sum.name,
    setup: () => {
      const x = uniformTensor([1, dIn], 1);
      const weight = Tensor.pinned([dOut, dIn]); // where a model's weights lie
      weight.data.set(uniformArray(weight.size, 2));
      return () => scope(() => noGrad(() => linear(x, weight)).data[0]);
    },
  };
  return [sum, layer];
}

/** One row times a matrix. */
export const matrixVector: Subject = {
  name: "matrix-vector",
  cases: [
    ...layerCases(288, 768, "Llama 15M, feed-forward"),
    ...layerCases(768, 2048, "Llama 134M, feed-forward"),
    ...layerCases(768, 32_000, "Llama 134M, head"),
  ],
};
