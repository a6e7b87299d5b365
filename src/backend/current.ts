/** Which backend runs: the one file that imports concrete backends. Everything else asks `kernels()` and `backendMemory()`. */
import { checkInteger, checkOptions, ConfigError, describeValue } from "../errors.ts";
import type { ArrayMemory, Backend, BackendInfo, Kernels } from "./backend.ts";
import { loops } from "./loops/loops.ts";
import { hasRelaxedSimd, hasSimd } from "./wasm/features.ts";
import { createWasm } from "./wasm/wasm.ts";

/** The active backend; null until somebody asks, so that nothing is built by an import alone. */
let active: Backend | null = null;
let activeKernels: Kernels | null = null;

/** The fast backend that was built last, and for which options. Whoever comes back to it finds its memory and threads. */
let fast: { backend: Backend; threads: number | undefined; relaxed: boolean | undefined } | null = null;

/** The kernels of the active backend. Ask anew for every operation: `backend.use` may have changed them. */
export function kernels(): Kernels {
  return activeKernels ?? current().kernels;
}

/** Where the active backend likes its arrays to lie. */
export function backendMemory(): ArrayMemory {
  return (active ?? current()).memory;
}

function current(): Backend {
  return active ?? activate(fastest({}));
}

function activate(backend: Backend): Backend {
  active = backend;
  activeKernels = backend.kernels;
  return backend;
}

/** Names that `backend.use` takes; "auto" is the fastest that works here. */
export type BackendName = "auto" | "loops" | "wasm";

/** Options of `backend.use`. */
export interface BackendOptions {
  /** Threads to compute with, the calling one included. Default: what the processor and the runtime allow. */
  threads?: number;
  /** Whether relaxed SIMD may be used: faster, with last bits that depend on the processor. Default: where there is any. */
  relaxed?: boolean;
}

/** The most threads that may be asked for. */
const MAX_THREADS = 64;

/** Chooses the backend; see the `backend` object. Whatever throws here leaves the active backend as it was. */
function use(name: BackendName, options: BackendOptions = {}): void {
  checkOptions("backend.use", options, ["threads", "relaxed"]);
  if (name === "loops") {
    checkLoopsOptions(options);
    activate(loops);
  } else if (name === "wasm") activate(fastOrNothing(options));
  else if (name === "auto") activate(fastest(options));
  else throw new ConfigError(`backend.use: name must be "auto", "loops" or "wasm", got ${String(name)}`, { name });
}

/** Loops have no choice to offer. `why` says why it is loops that were chosen. */
function checkLoopsOptions({ threads, relaxed }: BackendOptions, why = ""): void {
  if (threads !== undefined && threads !== 1) {
    throw new ConfigError(
      `backend.use: the "loops" backend has one thread: threads must be 1 or left out, got ${String(threads)}${why}`,
      { threads },
    );
  }
  if (relaxed !== undefined && relaxed !== false) {
    throw new ConfigError(
      `backend.use: the "loops" backend has no relaxed arithmetic: relaxed must be false or left out, got ${String(relaxed)}${why}`,
      { relaxed },
    );
  }
}

/** The fast backend where it works, else loops that say why not. */
function fastest(options: BackendOptions): Backend {
  const built = buildFast(options);
  if (typeof built !== "string") return built;
  checkLoopsOptions(options, `; it would be used because ${built}`);
  const info = (): BackendInfo => {
    const own = loops.info();
    return { ...own, reasons: [`The "wasm" backend is not used: ${built}`, ...own.reasons] };
  };
  return { ...loops, info, ready: async () => info() };
}

/** The fast backend for these options; throws where there is none. */
function fastOrNothing(options: BackendOptions): Backend {
  const built = buildFast(options);
  if (typeof built !== "string") return built;
  throw new ConfigError(
    `backend.use: the "wasm" backend does not work here: ${built}; call backend.use("loops"), or "auto" for the fastest that works`,
    { name: "wasm", reason: built },
  );
}

/** The fast backend for these options, the one that there is or a new one in its place; or why there is none. */
function buildFast({ threads, relaxed }: BackendOptions): Backend | string {
  if (threads !== undefined) checkInteger("backend.use", "threads", threads, 1, MAX_THREADS);
  if (relaxed !== undefined && typeof relaxed !== "boolean")
    throw new ConfigError(`backend.use: relaxed must be true or false, got ${describeValue(relaxed)}`, { relaxed });
  if (fast !== null && fast.threads === threads && fast.relaxed === relaxed) return fast.backend;
  if (typeof WebAssembly !== "object") return "there is no WebAssembly";
  if (!hasSimd()) return "this engine's WebAssembly has no SIMD";
  if (relaxed === true && !hasRelaxedSimd()) {
    throw new ConfigError("backend.use: this engine has no relaxed SIMD; relaxed must be false or left out", {
      relaxed,
    });
  }
  try {
    const backend = createWasm({ threads, relaxed });
    fast?.backend.dispose?.();
    fast = { backend, threads, relaxed };
    return backend;
  } catch (error) {
    return `WebAssembly is refused here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The public switch between backends. */
export interface BackendSwitch {
  /** Makes a backend the active one, at once; threads join when they are ready. Throws a `ConfigError` for what is not to be had. */
  use(name: BackendName, options?: BackendOptions): void;
  /** Resolves when everything that joins late has joined. */
  ready(): Promise<BackendInfo>;
  /** What runs now, and why not more. */
  info(): BackendInfo;
}

/**
 * Chooses and describes the backend. Without a choice it is "auto": chosen when the first tensor is computed.
 *
 * ```ts
 * backend.use("loops");
 * backend.info(); // { name: "loops", simd: false, relaxed: false, threads: 1, reasons: [...] }
 * ```
 */
export const backend: BackendSwitch = {
  use,
  ready: () => current().ready(),
  info: () => current().info(),
};
