/** The fast backend: kernels that are written as WebAssembly when it starts. */
import type { Backend, BackendInfo, Kernels } from "../backend.ts";
import { crossEntropyKernels } from "./cross-entropy.ts";
import { activationKernels } from "./activation.ts";
import { attentionBackwardKernels } from "./attention-backward.ts";
import { attentionKernels } from "./attention.ts";
import { adamWKernels } from "./adamw.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { Engine } from "./engine.ts";
import { hasRelaxedSimd } from "./features.ts";
import { Assembly } from "./kernel.ts";
import { layoutKernels } from "./layout.ts";
import { matmulKernels } from "./matmul.ts";
import { addPanels } from "./panels.ts";
import { LinearMemory } from "./memory.ts";
import { normKernels } from "./norm.ts";
import { reduceKernels } from "./reduce.ts";
import { rotaryKernels } from "./rotary.ts";
import { softmaxKernels } from "./softmax.ts";
import { addThreads } from "./threads.ts";
import { unaryKernels } from "./unary.ts";

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
  const assembly = new Assembly(relaxed, memory, (fn, call) => engine.run(fn, call));
  const kernels: Kernels = addFamilies(assembly);
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

/** The kernels of every family. */
function addFamilies(assembly: Assembly): Kernels {
  const panels = addPanels(assembly);
  return {
    ...unaryKernels(assembly),
    ...activationKernels(assembly),
    ...adamWKernels(assembly),
    ...elementwiseKernels(assembly),
    ...softmaxKernels(assembly),
    ...crossEntropyKernels(assembly),
    ...matmulKernels(assembly, panels),
    ...attentionKernels(assembly, panels),
    ...attentionBackwardKernels(assembly, panels),
    ...reduceKernels(assembly),
    ...layoutKernels(assembly),
    ...normKernels(assembly),
    ...rotaryKernels(assembly),
  };
}
