/**
 * Matrix products: squares, the shapes of real layers, and the three orientations that training needs. They run inside a
 * scope, as training and decoding do, and are compared with the three loops that everybody would write.
 */
import { linear, matmul as product, noGrad, scope } from "heed";
import type { BenchCase, Run, Subject } from "./harness.ts";
import { uniformArray, uniformTensor } from "./seeded.ts";

/** [m, k] · [k, n]: rows of the result, length of a sum, columns of the result. */
type Sizes = readonly [m: number, k: number, n: number];

/** The usual hand-written product, with its sum in a register. */
function naiveProduct(out: Float32Array, a: Float32Array, b: Float32Array, m: number, k: number, n: number): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
      out[i * n + j] = sum;
    }
  }
}

function makeCase(name: string, [m, k, n]: Sizes, setup: () => Run, baseline?: string): BenchCase {
  return { name, unit: "GFLOP/s", work: 2 * m * k * n, setup, ...(baseline !== undefined && { baseline }) };
}

function naiveCase(size: number): BenchCase {
  return makeCase(`matmul naive ${size}³`, [size, size, size], () => {
    const [a, b, out] = [1, 2, 3].map((seed) => uniformArray(size * size, seed));
    return () => {
      naiveProduct(out, a, b, size, size, size);
      return out[0];
    };
  });
}

function squareCase(size: number): BenchCase {
  const baseline = size <= 256 ? "matmul naive 256³" : "matmul naive 512³";
  return makeCase(
    `matmul ${size}³`,
    [size, size, size],
    () => {
      const a = uniformTensor([size, size], 1);
      const b = uniformTensor([size, size], 2);
      return () => scope(() => noGrad(() => product(a, b)).data[0]);
    },
    baseline,
  );
}

/** x [m, k] · weightᵀ, the forward pass of a linear layer: A · Bᵀ. */
function forwardCase(name: string, sizes: Sizes): BenchCase {
  const [rows, dIn, dOut] = sizes;
  return makeCase(`matmul A·Bᵀ ${formatSizes(sizes)} ${name}`, sizes, () => {
    const x = uniformTensor([rows, dIn], 1);
    const weight = uniformTensor([dOut, dIn], 2);
    return () => scope(() => noGrad(() => linear(x, weight)).data[0]);
  });
}

/** gradX = gradOut · W, an A · B, of the same layer. The forward pass is recorded beforehand. */
function gradXCase(name: string, [rows, dIn, dOut]: Sizes): BenchCase {
  const sizes: Sizes = [rows, dOut, dIn];
  return makeCase(`matmul A·B ${formatSizes(sizes)} ${name}, gradient of x`, sizes, () =>
    backwardRun(rows, dIn, dOut, "x"),
  );
}

/** gradW = gradOutᵀ · x, an Aᵀ · B. */
function gradWCase(name: string, [rows, dIn, dOut]: Sizes): BenchCase {
  const sizes: Sizes = [dOut, rows, dIn];
  return makeCase(`matmul Aᵀ·B ${formatSizes(sizes)} ${name}, gradient of weights`, sizes, () =>
    backwardRun(rows, dIn, dOut, "weight"),
  );
}

function backwardRun(rows: number, dIn: number, dOut: number, of: "x" | "weight"): Run {
  const x = uniformTensor([rows, dIn], 1, { requiresGrad: of === "x" });
  const weight = uniformTensor([dOut, dIn], 2, { requiresGrad: of === "weight" });
  const gradOut = uniformTensor([rows, dOut], 3);
  const out = linear(x, weight);
  const wanted = of === "x" ? x : weight;
  return () => {
    wanted.grad = null;
    out.backward(gradOut);
    return wanted.grad as unknown;
  };
}

function formatSizes(sizes: Sizes): string {
  return sizes.join("×");
}

// Rows are tokens at once: 12 × 64 of the nanoGPT CPU recipe, 256 of a prompt.
const nanoGPT: Sizes = [768, 128, 512];

/** Matrix products. */
export const matmul: Subject = {
  name: "matmul",
  cases: [
    naiveCase(256),
    naiveCase(512),
    ...[128, 256, 512, 768, 1024].map(squareCase),
    forwardCase("nanoGPT recipe, feed-forward", nanoGPT),
    gradXCase("nanoGPT recipe, feed-forward", nanoGPT),
    gradWCase("nanoGPT recipe, feed-forward", nanoGPT),
    forwardCase("nanoGPT recipe, head", [768, 128, 65]),
    forwardCase("Llama 15M, feed-forward", [256, 288, 768]),
    forwardCase("Llama 15M, head", [32, 288, 32_000]),
    forwardCase("GPT-2, feed-forward", [128, 768, 3072]),
  ],
};
