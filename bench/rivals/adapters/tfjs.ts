/** TensorFlow.js, on its WebAssembly or its plain JavaScript ("cpu"). In Node its WebAssembly has one thread. */
import { fileURLToPath } from "node:url";
import { uniformArray } from "../../seeded.ts";
import { sampleElements, unsupported } from "../adapter.ts";
import type { Adapter, MatmulWork, Prepared, SideOptions, Work } from "../adapter.ts";
import { importPackage, packageVersion } from "./packages.ts";
import { prepareTfjsTraining } from "./tfjs-training.ts";

/** A tensor of TensorFlow.js. */
export interface TfTensor {
  readonly shape: readonly number[];
  dataSync(): Float32Array;
  dispose(): void;
  add(other: TfTensor | number): TfTensor;
  sub(other: TfTensor | number): TfTensor;
  mul(other: TfTensor | number): TfTensor;
  div(other: TfTensor | number): TfTensor;
  square(): TfTensor;
  sqrt(): TfTensor;
  rsqrt(): TfTensor;
  tanh(): TfTensor;
  neg(): TfTensor;
  sum(axis?: number): TfTensor;
  mean(axis?: number, keepDims?: boolean): TfTensor;
  minimum(other: number): TfTensor;
  reshape(shape: readonly number[]): TfTensor;
  transpose(order: readonly number[]): TfTensor;
}

/** A tensor that can be given another value. */
export interface TfVariable extends TfTensor {
  readonly name: string;
  assign(value: TfTensor): void;
}

/** The package, as far as it is in use. */
export interface Tf {
  tensor(data: ArrayLike<number>, shape: readonly number[], dtype?: "float32" | "int32"): TfTensor;
  variable(value: TfTensor, trainable: boolean, name: string): TfVariable;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  oneHot(ids: TfTensor, depth: number): TfTensor;
  cast(x: TfTensor, dtype: "float32"): TfTensor;
  addN(all: readonly TfTensor[]): TfTensor;
  softmax(x: TfTensor): TfTensor;
  logSoftmax(x: TfTensor): TfTensor;
  zerosLike(x: TfTensor): TfTensor;
  variableGrads(f: () => TfTensor): { value: TfTensor; grads: Readonly<Record<string, TfTensor>> };
  tidy<T>(f: () => T): T;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  getBackend(): string;
}

interface TfWasm {
  setWasmPaths(folder: string): void;
}

function prepareMatmul(tf: Tf, { size }: MatmulWork): Prepared {
  const [a, b] = [1, 2].map((seed) => tf.tensor(uniformArray(size * size, seed), [size, size]));
  const multiply = (): Float32Array => {
    const out = tf.matMul(a, b);
    const data = out.dataSync();
    out.dispose();
    return data;
  };
  const release = (): void => [a, b].forEach((each) => each.dispose());
  return { check: { values: sampleElements(multiply()) }, run: multiply, release };
}

/** Opens TensorFlow.js. */
export async function openTfjs({ variant = "wasm" }: SideOptions): Promise<Adapter> {
  const tf = await importPackage<Tf>("@tensorflow/tfjs");
  if (variant === "wasm") {
    const wasm = await importPackage<TfWasm>("@tensorflow/tfjs-backend-wasm");
    wasm.setWasmPaths(fileURLToPath(new URL("../node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));
  }
  if (!(await tf.setBackend(variant))) throw new Error(`the backend ${variant} does not start`);
  await tf.ready();
  return {
    describe: () => ({ version: packageVersion("@tensorflow/tfjs"), backend: `${tf.getBackend()}, 1 thread` }),
    prepare: async (work: Work) => {
      if (work.kind === "matmul") return prepareMatmul(tf, work);
      if (work.kind === "training") return prepareTfjsTraining(tf, work);
      return unsupported("tfjs", work);
    },
  };
}
