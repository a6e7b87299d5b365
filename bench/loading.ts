/**
 * Loading a model beside reading its file: a folder with about 500 MB of weights, of 32-bit and of 16-bit numbers, made in a
 * temporary place. The file lies in the page cache, so that it is heed's work that is measured and not the disk's. A process of
 * its own tells the memory.
 *
 * HEED_LOADING_MB asks for another size of the file.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadModel, presets, saveModel } from "heed";
import type { ModelConfig } from "heed";
import type { BenchCase, Subject } from "./harness.ts";
import type { LoadingMemory } from "./loading-memory.ts";
import { llamaWithUniformWeights } from "./seeded.ts";

const MEGABYTES = Number(process.env.HEED_LOADING_MB ?? 500);

/** The bundle lies in .build/bench, at the root of the repository. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How the file has its numbers. */
type FileType = "f32" | "bf16";

/** How they are held. */
type HeldType = FileType | "q8_0";

/** A Llama with about so many numbers. */
function configOf(numbers: number): ModelConfig {
  const dModel = numbers > 5e7 ? 1024 : 256;
  const vocabSize = 8 * dModel;
  const dFf = (11 * dModel) / 4;
  const block = dModel * (4 * dModel + 3 * dFf);
  const nLayers = Math.max(1, Math.round((numbers - 2 * vocabSize * dModel) / block));
  return presets.llama({ vocabSize, contextLength: 256, dModel, nLayers, nHeads: dModel / 64, dFf });
}

/** A folder that is made when it is first needed, and removed by the last case that uses it. */
class ModelFolder {
  readonly type: FileType;
  #path: string | undefined;
  #users = 0;

  constructor(type: FileType) {
    this.type = type;
  }

  get path(): string {
    if (this.#path === undefined) throw new Error("the folder is gone");
    return this.#path;
  }

  get weights(): string {
    return join(this.path, "model.safetensors");
  }

  get size(): number {
    return statSync(this.weights).size;
  }

  async open(): Promise<void> {
    this.#users++;
    if (this.#path !== undefined) return;
    this.#path = mkdtempSync(join(tmpdir(), "heed-loading-"));
    try {
      const model = llamaWithUniformWeights(configOf((1e6 * MEGABYTES) / (this.type === "f32" ? 4 : 2)), 1);
      await saveModel({ model }, this.#path, { dtype: this.type });
      model.dispose();
      readFileSync(this.weights); // into the page cache
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    if (--this.#users > 0 || this.#path === undefined) return;
    rmSync(this.#path, { recursive: true, force: true });
    this.#path = undefined;
  }
}

/** Reading the file with Node's own function, which is the least that loading could take. */
function readCase(folder: ModelFolder): BenchCase {
  return {
    name: `loading ${folder.type}: the file read plainly`,
    unit: "MB/s",
    work: () => folder.size,
    together: `loading ${folder.type}`,
    onRequest: true,
    setup: async () => {
      await folder.open();
      return () => readFileSync(folder.weights).length;
    },
    teardown: () => folder.close(),
  };
}

function loadCase(folder: ModelFolder, held: HeldType): BenchCase {
  return {
    name: `loading ${folder.type}: loadModel${held === folder.type ? "" : ` as ${held}`}`,
    unit: "MB/s",
    work: () => folder.size,
    together: `loading ${folder.type}`,
    baseline: `loading ${folder.type}: the file read plainly`,
    onRequest: true,
    setup: async () => {
      await folder.open();
      return async () => {
        const { model } = await loadModel(folder.path, { dtype: held });
        model.dispose();
        return model.config.nLayers;
      };
    },
    figures: () => {
      const { heldBytes, peakBytes } = measureMemory(folder.path, held);
      return { fileMB: folder.size / 1e6, heldMB: heldBytes / 1e6, "peak/held": peakBytes / heldBytes };
    },
    teardown: () => folder.close(),
  };
}

/** In a process of its own. */
function measureMemory(path: string, held: HeldType): LoadingMemory {
  const args = [join(ROOT, "examples", "run.mjs"), join("bench", "loading-memory.ts"), path, held];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`the process that measures memory ended with ${status}: ${stderr.slice(-400)}`);
  return JSON.parse(stdout) as LoadingMemory;
}

function casesOf(type: FileType): BenchCase[] {
  const folder = new ModelFolder(type);
  return [readCase(folder), loadCase(folder, type), loadCase(folder, "q8_0")];
}

/** Loading. Asked for by name, because it writes large files. */
export const loading: Subject = { name: "loading", cases: [...casesOf("f32"), ...casesOf("bf16")] };
