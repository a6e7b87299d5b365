/**
 * onnxruntime, as WebAssembly (onnxruntime-web) and as a native library (onnxruntime-node). Both packages have the same
 * interface, of which the part in use stands here.
 */
import { uniformArray } from "../../seeded.ts";
import { sampleElements, unsupported } from "../adapter.ts";
import type { Adapter, MatmulWork, Prepared, SideOptions, Work } from "../adapter.ts";
import { matmulModel } from "../files/onnx.ts";
import { prepareOnnxDecode, prepareOnnxPrefill } from "./onnx-decoder.ts";
import { importPackage, packageVersion } from "./packages.ts";

type TensorData = Float32Array | Int32Array | BigInt64Array;

/** A tensor of onnxruntime. */
export interface OrtTensor {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

/** A loaded model. */
export interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/** The package. */
export interface Ort {
  Tensor: new (type: "float32" | "int32" | "int64", data: TensorData, dims: readonly number[]) => OrtTensor;
  InferenceSession: { create(model: Uint8Array | string, options: object): Promise<OrtSession> };
  env: { wasm: { numThreads?: number }; logLevel?: string };
}

/** The package, and how sessions are made with it. */
export interface OrtSide {
  ort: Ort;
  sessionOptions: object;
  /** Whether the files beside a model must be named, because the package does not look for them itself. */
  needsExternalData: boolean;
}

async function prepareMatmul({ ort, sessionOptions }: OrtSide, { size }: MatmulWork): Promise<Prepared> {
  const session = await ort.InferenceSession.create(matmulModel(size).toBytes(), sessionOptions);
  const [a, b] = [1, 2].map((seed) => new ort.Tensor("float32", uniformArray(size * size, seed), [size, size]));
  const multiply = async (): Promise<TensorData> => (await session.run({ a, b })).out.data;
  return {
    check: { values: sampleElements((await multiply()) as Float32Array) },
    run: multiply,
    release: () => session.release(),
  };
}

async function prepare(side: OrtSide, name: string, work: Work): Promise<Prepared> {
  switch (work.kind) {
    case "matmul":
      return prepareMatmul(side, work);
    case "prefill":
      return prepareOnnxPrefill(side, work);
    case "decode":
      return prepareOnnxDecode(side, work);
    default:
      return unsupported(name, work);
  }
}

/** Opens onnxruntime-web on its WebAssembly. */
export async function openOrtWeb({ threads }: SideOptions): Promise<Adapter> {
  const ort = await importPackage<Ort>("onnxruntime-web");
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const sessionOptions = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
  const side = { ort, sessionOptions, needsExternalData: true };
  return {
    describe: () => ({
      version: packageVersion("onnxruntime-web"),
      backend: `wasm, ${ort.env.wasm.numThreads ?? threads} thread${ort.env.wasm.numThreads === 1 ? "" : "s"}`,
    }),
    prepare: (work) => prepare(side, "onnxruntime-web", work),
  };
}

/** Opens onnxruntime-node on the processor. */
export async function openOrtNode({ threads }: SideOptions): Promise<Adapter> {
  const ort = await importPackage<Ort>("onnxruntime-node");
  const sessionOptions = {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  };
  return {
    describe: () => ({
      version: packageVersion("onnxruntime-node"),
      backend: `native, ${threads} thread${threads === 1 ? "" : "s"}`,
    }),
    prepare: (work) => prepare({ ort, sessionOptions, needsExternalData: false }, "onnxruntime-node", work),
  };
}
