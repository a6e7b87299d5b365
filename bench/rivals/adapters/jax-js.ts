/** jax-js on the WebAssembly that it writes itself. Its threads are Web Workers, which Node does not have, so it has one. */
import { uniformArray } from "../../seeded.ts";
import { sampleElements, unsupported } from "../adapter.ts";
import type { Adapter, MatmulWork, Prepared, Work } from "../adapter.ts";
import { prepareJaxTraining } from "./jax-js-training.ts";
import { importPackage, packageVersion } from "./packages.ts";

/** An array of jax-js. Every use gives it up; `ref` is another right to use it. */
export interface JaxArray {
  readonly ref: JaxArray;
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  sum(axis?: number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(order?: readonly number[]): JaxArray;
}

/** Named arrays. */
export type JaxTree = Record<string, JaxArray>;

/** The package, as far as it is in use. */
export interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): string;
  jit<F>(f: F): F;
  valueAndGrad<Rest extends unknown[]>(
    f: (parameters: JaxTree, ...rest: Rest) => JaxArray,
  ): (parameters: JaxTree, ...rest: Rest) => [JaxArray, JaxTree];
  numpy: {
    array(data: ArrayLike<number>, options?: { dtype?: string; shape?: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    minimum(x: JaxArray, y: JaxArray | number): JaxArray;
  };
  nn: {
    oneHot(ids: JaxArray, classes: number): JaxArray;
    logSoftmax(x: JaxArray, axis: number): JaxArray;
    gelu(x: JaxArray): JaxArray;
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
    dotProductAttention(q: JaxArray, k: JaxArray, v: JaxArray, options: { isCausal: boolean }): JaxArray;
  };
}

async function prepareMatmul(jax: Jax, { size }: MatmulWork): Promise<Prepared> {
  const [a, b] = [1, 2].map((seed) => jax.numpy.array(uniformArray(size * size, seed)).reshape([size, size]));
  const product = jax.jit((x: JaxArray, y: JaxArray) => jax.numpy.matmul(x, y));
  const multiply = (): Promise<Float32Array> => product(a.ref, b.ref).data();
  const release = (): void => [a, b].forEach((each) => each.dispose());
  return { check: { values: sampleElements(await multiply()) }, run: multiply, release };
}

/** Opens jax-js. */
export async function openJaxJs(): Promise<Adapter> {
  const jax = await importPackage<Jax>("@jax-js/jax");
  await jax.init("wasm"); // all devices would ask for `navigator`, which Node 20 lacks
  jax.defaultDevice("wasm");
  return {
    describe: () => ({ version: packageVersion("@jax-js/jax"), backend: "wasm, 1 thread" }),
    prepare: async (work: Work) => {
      if (work.kind === "matmul") return prepareMatmul(jax, work);
      if (work.kind === "training") return prepareJaxTraining(jax, work);
      return unsupported("jax-js", work);
    },
  };
}
