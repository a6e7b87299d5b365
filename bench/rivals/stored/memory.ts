/** How much a process grows while it loads a model and works with it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { peakResidentBytes } from "../../peak-memory.ts";

/** Memory of a process beyond what it had before loading; all in bytes. */
export interface MemoryUse {
  /** What the process holds more, after loading and decoding, whatever the garbage collector has left. */
  residentBytes: number;
  /** The most that it held more at any time. */
  peakBytes: number;
  /** Weights as they are stored and the cache of keys and values. */
  neededBytes: number;
}

/** Remembers what a process holds, and tells later how much it has grown. */
export class MemoryGrowth {
  readonly #before: number;

  constructor() {
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    this.#before = process.memoryUsage.rss();
  }

  /** What has come since. @param neededBytes what could not be done without */
  measure(neededBytes: number): MemoryUse {
    const residentBytes = process.memoryUsage.rss() - this.#before;
    return { residentBytes, peakBytes: peakResidentBytes() - this.#before, neededBytes };
  }
}
