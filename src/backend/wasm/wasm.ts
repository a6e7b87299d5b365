/** The fast backend: kernels that are written as WebAssembly when it starts. */
import type { Backend, BackendInfo, Kernels } from "../backend.ts";
import { addCrossEntropy } from "./cross-entropy.ts";
import { addActivations } from "./activation.ts";
import { addAttentionBackward } from "./attention-backward.ts";
import { addAttention } from "./attention.ts";
import { addAdamW } from "./adamw.ts";
import { addElementwise } from "./elementwise.ts";
import { Engine } from "./engine.ts";
import { hasRelaxedSimd } from "./features.ts";
import { Assembly } from "./kernel.ts";
import { addLayout } from "./layout.ts";
import { addMatmul } from "./matmul.ts";
import { addPanels } from "./panels.ts";
import { LinearMemory } from "./memory.ts";
import { addNorm } from "./norm.ts";
import { addReductions } from "./reduce.ts";
import { addRotary } from "./rotary.ts";
import { addSoftmax } from "./softmax.ts";
import { addStored } from "./stored.ts";
import { addThreads } from "./threads.ts";
import { addFunctions } from "./unary.ts";

/** Options of the backend. */
export interface WasmOptions {
  /** Threads to compute with, the calling one included. Default: one for each processor, at most 16. */
  threads?: number;
  /** Whether relaxed SIMD may be used. Default: where there is any. */
  relaxed?: boolean;
}

/** The most threads that nobody has asked for. */
const MOST_THREADS = 16;

/** Builds the backend. Throws what the engine throws where WebAssembly is refused. */
export function createWasm(options: WasmOptions = {}): Backend & { dispose(): void } {
  const relaxed = options.relaxed ?? hasRelaxedSimd();
  const memory = new LinearMemory(typeof SharedArrayBuffer !== "undefined");
  const assembly = new Assembly(relaxed, memory, (...call) => engine.run(...call));
  const kernels: Kernels = addKernels(assembly);
  if (memory.shared) addThreads(assembly);
  const module = new WebAssembly.Module(assembly.module.encode(memory.shared));
  const engine = new Engine(module, assembly.module.names, memory, options.threads ?? processors());
  const info = (): BackendInfo => ({
    name: "wasm",
    simd: true,
    relaxed,
    threads: engine.threads,
    reasons: [
      ...(hasRelaxedSimd() ? [] : ["No fused multiply-add: this engine has no relaxed SIMD."]),
      ...engine.reasons,
    ],
  });
  return {
    kernels,
    memory,
    info,
    ready: async () => {
      await engine.ready();
      return info();
    },
    dispose: () => engine.stop(),
  };
}

/** Processors that this program may use. */
function processors(): number {
  const { navigator, process } = globalThis as {
    navigator?: { hardwareConcurrency?: number };
    process?: { getBuiltinModule?(name: string): { availableParallelism?(): number } | undefined };
  };
  const count = process?.getBuiltinModule?.("node:os")?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
  return Math.min(count, MOST_THREADS);
}

/** Adds the kernels of every family: all of the list. */
function addKernels(assembly: Assembly): Kernels {
  // prettier-ignore
  for (const add of [
    addFunctions, addActivations, addAdamW, addElementwise, addSoftmax, addCrossEntropy, addReductions, addLayout, addNorm, addRotary,
    addStored,
  ])
    add(assembly);
  const panels = addPanels(assembly);
  for (const add of [addMatmul, addAttention, addAttentionBackward]) add(assembly, panels);
  return assembly.kernels as Kernels;
}
