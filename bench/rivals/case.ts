/** What a case and a side of the comparison are. */
import type { StoredName, Work } from "./adapter.ts";

/** Where a side runs: the Node that runs the benchmark, Node 24 from the registry, or the system's Python. */
export type Runtime = "node" | "node24" | "python";

/** What a side runs: heed, something else that runs where heed runs, or the machine's own code. */
export type SideKind = "heed" | "javascript" | "native";

/** One library, in one runtime, with so many threads. */
export interface Side {
  /** Unique, and what people read: "heed, Node 24, 2 threads". */
  id: string;
  library: string;
  kind: SideKind;
  /** The npm packages that it needs. */
  packages: readonly string[];
  /** What runs it, if it is not called like the library. */
  adapter?: string;
  runtime: Runtime;
  threads: number;
  /** A backend of the library, where it has several. */
  variant?: string;
  /** The form of the weights that it works with, where a case has several. */
  stored?: StoredName;
  /** Takes too long for a quick look, which leaves it out. */
  slow?: true;
}

/** Units of rates, and how much of a case's amount each counts. */
export const UNITS = { "GFLOP/s": 1e9, "tokens/s": 1, "steps/s": 1, "MB/s": 1e6, "loads/s": 1 } as const;

/** A piece of work and who does it. */
export interface Case {
  subject: "matmul" | "decoder" | "training" | "tokenizers" | "stored";
  /** Begins with the subject. */
  name: string;
  /** Cases of a group share the processes of their sides. */
  group: string;
  unit: keyof typeof UNITS;
  /** Operations, tokens, steps or bytes of one run; a function where files must be read to know. */
  amount: number | (() => number);
  /** The greatest difference of results, as a share of the greatest magnitude. */
  tolerance: number;
  /** Whether the chart shows it. */
  headline: boolean;
  /** Measured in a fresh process each time: loading, and the first run. */
  firstTime?: true;
  /** Why it cannot be measured here. */
  unavailable?: string;
  sides: readonly Side[];
  /** Makes the files that the work needs, and says what to do. */
  work(): Work | Promise<Work>;
}

const RUNTIME_NAMES: Readonly<Record<Runtime, string>> = {
  node: `Node ${process.versions.node.split(".")[0]}`,
  node24: "Node 24",
  python: "Python",
};

const NATIVE = new Set(["onnxruntime-node", "node-llama-cpp", "pytorch", "tokenizers"]);

/** A side, named after what it is. */
export function side(library: string, runtime: Runtime, threads: number, variant?: string, stored?: StoredName): Side {
  const name = [library, variant, stored].filter((part) => part !== undefined).join(" ");
  const packages: Readonly<Record<string, readonly string[]>> = {
    heed: [],
    pytorch: [],
    tfjs: ["@tensorflow/tfjs", ...(variant === "wasm" ? ["@tensorflow/tfjs-backend-wasm"] : [])],
    "jax-js": ["@jax-js/jax"],
  };
  return {
    id: `${name}, ${RUNTIME_NAMES[runtime]}, ${threads} thread${threads === 1 ? "" : "s"}`,
    library,
    kind: library === "heed" ? "heed" : NATIVE.has(library) ? "native" : "javascript",
    packages: packages[library] ?? [library],
    runtime,
    threads,
    ...(variant !== undefined && { variant }),
    ...(stored !== undefined && { stored }),
  };
}
