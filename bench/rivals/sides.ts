/** Starts the processes of sides, and keeps them for the cases of one group. */
import { existsSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { build } from "esbuild";
import type { Case, Runtime, Side } from "./case.ts";
import type { SideSource } from "./measure.ts";
import { HERE, PACKAGES, ROOT } from "./places.ts";
import type { RivalsReport } from "./report.ts";
import { SideProcess } from "./side-process.ts";

const BUILD = `${HERE}.build/`;
const BUNDLE = `${BUILD}side.mjs`;
const PYTHON_SIDE = `${HERE}adapters/pytorch.py`;
const START_MS = 120_000;

/** Debian installs PyTorch for its own Python, which need not be the first one of the path. */
const PYTHONS = ["/usr/bin/python3", "python3"];

/** The programs that compare tokenizers and models, by name; see `bundlePrograms`. */
export const PARITY_BUNDLES: Readonly<Record<"tokenizers" | "models", string>> = {
  tokenizers: `${BUILD}parity-tokenizers.mjs`,
  models: `${BUILD}parity-models.mjs`,
};

/**
 * Bundles the programs that use the rivals, the sides' and the parity checks'; the rivals stay outside, in the node_modules beside
 * the bundles' folder. What is imported when it is asked for is a file of its own.
 */
export async function bundlePrograms(): Promise<void> {
  rmSync(BUILD, { recursive: true, force: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: {
      side: `${HERE}side.ts`,
      "parity-tokenizers": `${HERE}tokenizers/parity.ts`,
      "parity-models": `${HERE}models/parity.ts`,
    },
    outdir: BUILD,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    logLevel: "warning",
  });
}

function findPython(): string {
  for (const python of PYTHONS) {
    const { status } = spawnSync(python, ["-c", "import torch"], { stdio: "ignore" });
    if (status === 0) return python;
  }
  throw new Error("no Python with PyTorch (Debian: python3-torch)");
}

function findNode24(): string {
  if (Number(process.versions.node.split(".")[0]) === 24) return process.execPath;
  const binary = `${PACKAGES}node24-${process.platform}-${process.arch}/bin/node`;
  if (!existsSync(binary)) throw new Error("Node 24 is not installed");
  return binary;
}

const found = new Map<Runtime, string>();

/** The program of a runtime. Throws where there is none. */
export function findRuntime(runtime: Runtime): string {
  const known = found.get(runtime);
  if (known !== undefined) return known;
  const program = runtime === "node" ? process.execPath : runtime === "node24" ? findNode24() : findPython();
  found.set(runtime, program);
  return program;
}

/** Versions of the runtimes that cases need, and those that are not there. */
export function describeRuntimes(cases: readonly Case[]): Pick<RivalsReport, "runtimes" | "absent"> {
  const runtimes: RivalsReport["runtimes"] = {};
  const absent: RivalsReport["absent"] = [];
  for (const runtime of new Set(cases.flatMap(({ sides }) => sides.map((side) => side.runtime)))) {
    try {
      const { stdout } = spawnSync(findRuntime(runtime), ["--version"], { encoding: "utf8" });
      runtimes[runtime] = `${runtime === "python" ? "" : "Node "}${stdout.trim()}`;
    } catch (error) {
      absent.push({ name: runtime, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { runtimes, absent };
}

/** Processes by side. */
export class Sides implements SideSource {
  readonly #open = new Map<string, SideProcess>();
  readonly #absent: ReadonlyMap<string, string>;

  /** @param absent packages that are not there, and why */
  constructor(absent: ReadonlyMap<string, string>) {
    this.#absent = absent;
  }

  /** The process of a side, started if need be. */
  async open(side: Side): Promise<SideProcess> {
    const known = this.#open.get(side.id);
    if (known !== undefined && !known.hasEnded) return known;
    const started = await this.start(side);
    this.#open.set(side.id, started);
    return started;
  }

  /** A process that nobody else uses; whoever asked for it closes it. */
  async start({ library, adapter = library, packages, runtime, threads, variant, stored }: Side): Promise<SideProcess> {
    for (const name of packages) {
      const reason = this.#absent.get(name);
      if (reason !== undefined) throw new Error(`${name}: ${reason}`);
    }
    const program = findRuntime(runtime);
    const side = new SideProcess(program, [runtime === "python" ? PYTHON_SIDE : BUNDLE], threads);
    try {
      await side.ask({ op: "open", adapter, options: { library, threads, variant, stored } }, START_MS);
    } catch (error) {
      side.close();
      throw error;
    }
    return side;
  }

  /** Ends all processes. */
  closeAll(): void {
    for (const side of this.#open.values()) side.close();
    this.#open.clear();
  }
}
