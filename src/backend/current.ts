/** Which backend runs: the one file that imports concrete backends. Everything else asks `kernels()`. */
import { checkOptions, ConfigError } from "../errors.ts";
import type { Backend, BackendInfo, Kernels } from "./backend.ts";
import { loops } from "./loops/loops.ts";

let active: Backend = loops;
let activeKernels: Kernels = loops.kernels;

/** The kernels of the active backend. Ask anew for every operation: `backend.use` may have changed them. */
export function kernels(): Kernels {
  return activeKernels;
}

/** Names that `backend.use` takes; "auto" is the fastest that works here. */
export type BackendName = "auto" | "loops" | "wasm";

/** Options of `backend.use`. */
export interface BackendOptions {
  /** Threads to compute with, the calling one included. */
  threads?: number;
  /** Whether relaxed SIMD may be used: faster, with last bits that depend on the processor. */
  relaxed?: boolean;
}

/** Chooses the backend; see the `backend` object. */
function use(name: BackendName, options?: BackendOptions): void {
  checkOptions("backend.use", options, ["threads", "relaxed"]);
  if (name === "wasm") {
    throw new ConfigError(
      'backend.use: this version has no "wasm" backend, only "loops"; call backend.use("loops"), or "auto" for the fastest there is',
      { name },
    );
  }
  if (name !== "auto" && name !== "loops") {
    throw new ConfigError(`backend.use: name must be "auto", "loops" or "wasm", got ${String(name)}`, { name });
  }
  const { threads, relaxed } = options ?? {};
  if (threads !== undefined && threads !== 1) {
    throw new ConfigError(
      `backend.use: the "loops" backend has one thread: threads must be 1 or left out, got ${String(threads)}`,
      { threads },
    );
  }
  if (relaxed !== undefined && relaxed !== false) {
    throw new ConfigError(
      `backend.use: the "loops" backend has no relaxed arithmetic: relaxed must be false or left out, got ${String(relaxed)}`,
      { relaxed },
    );
  }
  active = loops;
  activeKernels = active.kernels;
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
 * Chooses and describes the backend.
 *
 * ```ts
 * backend.use("loops");
 * backend.info(); // { name: "loops", simd: false, relaxed: false, threads: 1, reasons: [...] }
 * ```
 */
export const backend: BackendSwitch = {
  use,
  ready: () => active.ready(),
  info: () => active.info(),
};
