/** What a process needs to load a model: a program of its own, which `loading.ts` starts with the folder and the type of the weights. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { backend, loadModel } from "heed";
import type { LoadOptions } from "heed";
import { peakResidentBytes } from "./peak-memory.ts";

/** Bytes. */
export interface LoadingMemory {
  /** Of the weights as they are held. */
  heldBytes: number;
  /** By how much the process had grown at its largest, since before loading. */
  peakBytes: number;
}

async function measure(folder: string, dtype: LoadOptions["dtype"]): Promise<LoadingMemory> {
  await backend.ready();
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const before = process.memoryUsage.rss();
  const { model } = await loadModel(folder, { dtype });
  const peakBytes = peakResidentBytes() - before;
  const parameters = [...model.parameters().values()];
  const heldBytes = parameters.reduce((sum, { stored, size }) => sum + (stored?.bytes.length ?? 4 * size), 0);
  return { heldBytes, peakBytes };
}

const [folder, dtype] = process.argv.slice(2);
console.log(JSON.stringify(await measure(folder, dtype as LoadOptions["dtype"])));
