/**
 * Runs kernel functions: puts their arguments where they look for them, copies arrays that lie outside the memory in and out, and
 * shares large ranges out among the threads.
 */
import { HeedError } from "../../errors.ts";
import type { KernelArguments, KernelArray, Layout, Work } from "./kernel.ts";
import { ALIGNMENT, LinearMemory, roundUp } from "./memory.ts";
import { ThreadPool } from "./threads.ts";

/** Where the block of arguments stands, and how many words it may have. */
const BLOCK = 1024;
const BLOCK_WORDS = 64;

type KernelFunction = (block: number, begin: number, end: number) => void;

/** One instance of the module with its memory. */
class Instance {
  readonly memory: LinearMemory;
  readonly exports: WebAssembly.Exports;
  readonly #functions: KernelFunction[];
  #integers: Int32Array;
  #floats: Float32Array;

  constructor(module: WebAssembly.Module, names: readonly string[], memory: LinearMemory) {
    this.memory = memory;
    this.exports = new WebAssembly.Instance(module, { heed: { memory: memory.memory } }).exports;
    this.#functions = names.map((name) => this.exports[name] as KernelFunction);
    this.#integers = new Int32Array(memory.memory.buffer, BLOCK, BLOCK_WORDS);
    this.#floats = new Float32Array(memory.memory.buffer, BLOCK, BLOCK_WORDS);
  }

  /** Runs a call, on several threads if it is worth it. False if its arrays do not fit into the memory. */
  run(
    fn: number,
    { outputs, inputs, sizes = 0 }: Layout,
    args: KernelArguments,
    work: Work,
    pool: ThreadPool | null,
  ): boolean {
    const { memory } = this;
    const { begin, end, items, cost, scratchBytes = 0 } = work;
    if (begin >= end) return true;
    const chunks = pool === null ? 1 : pool.chunks(end - begin, cost);
    const stride = roundUp(scratchBytes, ALIGNMENT);
    const scratch = chunks === 1 || pool === null ? stride : stride * pool.limit;
    let bytes = scratch;
    for (const array of args) if (this.#isForeign(array)) bytes += roundUp(array.byteLength, ALIGNMENT);
    const mark = bytes === 0 ? 0 : memory.mark();
    const staging = bytes === 0 ? 0 : memory.lendBytes(bytes);
    if (bytes > 0 && staging === 0) return false;
    if (this.#integers.length === 0) this.#lookAgain();
    this.#integers[0] = staging;
    this.#integers[1] = stride;
    let next = staging + scratch;
    const partly = begin > 0 || end < items;
    for (let i = 0; i < args.length; i++) {
      const value = args[i];
      if (typeof value !== "number") next = this.#putAddress(value, 2 + i, next, partly || i >= outputs);
      else (i < outputs + inputs + sizes ? this.#integers : this.#floats)[2 + i] = value;
    }
    const run = this.#functions[fn];
    if (pool === null || chunks === 1) run(BLOCK, begin, end);
    else pool.run(fn, BLOCK, begin, end, chunks, (from, to) => run(BLOCK, from, to));
    if (bytes > scratch) this.#copyOut(args.slice(0, outputs), staging + scratch);
    if (bytes > 0) memory.giveBack(mark);
    return true;
  }

  /** Whether it is an array that lies elsewhere. */
  #isForeign(value: KernelArray | number): value is KernelArray {
    return typeof value !== "number" && !this.memory.holds(value);
  }

  /** Writes an array's address; one that lies elsewhere gets its place at `next`. Gives back where the next one goes. */
  #putAddress(array: KernelArray, place: number, next: number, copyIn: boolean): number {
    if (this.memory.holds(array)) {
      this.#integers[place] = array.byteOffset;
      return next;
    }
    this.#integers[place] = next;
    if (copyIn) this.#bytes(next, array.byteLength).set(bytesOf(array));
    return next + roundUp(array.byteLength, ALIGNMENT);
  }

  #copyOut(outputs: KernelArguments, from: number): void {
    for (const array of outputs) {
      if (!this.#isForeign(array)) continue;
      bytesOf(array).set(this.#bytes(from, array.byteLength));
      from += roundUp(array.byteLength, ALIGNMENT);
    }
  }

  /** Growth of unshared memory has emptied the views. */
  #lookAgain(): void {
    const { buffer } = this.memory.memory;
    this.#integers = new Int32Array(buffer, BLOCK, BLOCK_WORDS);
    this.#floats = new Float32Array(buffer, BLOCK, BLOCK_WORDS);
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.memory.buffer, address, length);
  }
}

const bytesOf = (array: KernelArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** The module at work. */
export class Engine {
  readonly #module: WebAssembly.Module;
  readonly #names: readonly string[];
  readonly #home: Instance;
  /** Null on one thread. */
  readonly #pool: ThreadPool | null;
  /** Why there are not more threads. */
  readonly #reasons: string[] = [];
  /** For calls that no longer fit into the memory: a second one, which nobody's arrays lie in. */
  #annex: Instance | null = null;

  /**
   * @param names of the functions of the module, in the order of its table
   * @param threads wanted, the calling one included
   */
  constructor(module: WebAssembly.Module, names: readonly string[], memory: LinearMemory, threads: number) {
    this.#module = module;
    this.#names = names;
    this.#home = new Instance(module, names, memory);
    if (threads > 1 && !memory.shared)
      this.#reasons.push("One thread: memory cannot be shared here; a page must be cross-origin isolated for that.");
    this.#pool =
      threads > 1 && memory.shared
        ? new ThreadPool(
            threads,
            { module, memory: memory.memory },
            this.#home.exports as { share(thread: number): void },
          )
        : null;
  }

  /** Threads that take part now, the calling one included. */
  get threads(): number {
    return this.#pool?.size ?? 1;
  }

  /** Why there are not more threads. */
  get reasons(): readonly string[] {
    return [...this.#reasons, ...(this.#pool?.reasons ?? [])];
  }

  /** Resolves when all threads take part or have failed. */
  async ready(): Promise<void> {
    await this.#pool?.ready();
  }

  /** Ends the threads. */
  stop(): void {
    this.#pool?.stop();
  }

  /** Runs a kernel function, wherever its arrays lie. */
  run(fn: number, layout: Layout, args: KernelArguments, work: Work): void {
    if (this.#home.run(fn, layout, args, work, this.#pool)) return;
    this.#annex ??= new Instance(this.#module, this.#names, new LinearMemory(this.#home.memory.shared));
    if (this.#annex.run(fn, layout, args, work, null)) return;
    const bytes = args.reduce<number>((sum, array) => sum + (typeof array === "number" ? 0 : array.byteLength), 0);
    throw new HeedError(
      "memory",
      `${this.#names[fn]}: arrays of ${Math.ceil(bytes / 2 ** 20)} MiB fit neither beside the ${Math.ceil(this.#home.memory.bytes / 2 ** 20)} MiB in use nor alone; WebAssembly reaches 4096 MiB: use smaller batches, a smaller model or backend.use("loops")`,
      { bytes },
    );
  }
}
