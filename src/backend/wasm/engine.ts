/**
 * Runs kernel functions: puts their arguments where they look for them, copies arrays that lie outside the memory in and out, and
 * shares large ranges out among the threads.
 */
import { HeedError } from "../../errors.ts";
import type { KernelArray, KernelCall } from "./kernel.ts";
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
  run(fn: number, call: KernelCall, pool: ThreadPool | null): boolean {
    const { memory } = this;
    const { outputs, inputs, sizes = [], scalars = [], begin, end, items, cost, scratchBytes = 0 } = call;
    if (begin >= end) return true;
    const chunks = pool === null ? 1 : pool.chunks(end - begin, cost);
    const stride = roundUp(scratchBytes, ALIGNMENT);
    const scratch = chunks === 1 || pool === null ? stride : stride * pool.limit;
    const bytes = scratch + this.#foreignBytes(outputs) + this.#foreignBytes(inputs);
    const mark = bytes === 0 ? 0 : memory.mark();
    const staging = bytes === 0 ? 0 : memory.lendBytes(bytes);
    if (bytes > 0 && staging === 0) return false;
    if (this.#integers.length === 0) this.#lookAgain();
    const words = this.#integers;
    words[0] = staging;
    words[1] = stride;
    let place = 2;
    let next = staging + scratch;
    const partly = begin > 0 || end < items;
    for (const array of outputs) next = this.#putAddress(array, place++, next, partly);
    for (const array of inputs) next = this.#putAddress(array, place++, next, true);
    for (const size of sizes) words[place++] = size;
    for (const scalar of scalars) this.#floats[place++] = scalar;
    const run = this.#functions[fn];
    if (pool === null || chunks === 1) run(BLOCK, begin, end);
    else pool.run(fn, BLOCK, begin, end, chunks, (from, to) => run(BLOCK, from, to));
    if (bytes > scratch) this.#copyOut(outputs, staging + scratch);
    if (bytes > 0) memory.giveBack(mark);
    return true;
  }

  /** Bytes of the arrays that lie elsewhere, each rounded up. */
  #foreignBytes(arrays: readonly KernelArray[]): number {
    let bytes = 0;
    for (const array of arrays) if (!this.memory.holds(array)) bytes += roundUp(array.byteLength, ALIGNMENT);
    return bytes;
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

  #copyOut(outputs: readonly KernelArray[], from: number): void {
    for (const array of outputs) {
      if (this.memory.holds(array)) continue;
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
  run(fn: number, call: KernelCall): void {
    if (this.#home.run(fn, call, this.#pool)) return;
    this.#annex ??= new Instance(this.#module, this.#names, new LinearMemory(this.#home.memory.shared));
    if (this.#annex.run(fn, call, null)) return;
    const bytes = [...call.outputs, ...call.inputs].reduce((sum, { byteLength }) => sum + byteLength, 0);
    throw new HeedError(
      "memory",
      `${this.#names[fn]}: arrays of ${Math.ceil(bytes / 2 ** 20)} MiB fit neither beside the ${Math.ceil(this.#home.memory.bytes / 2 ** 20)} MiB in use nor alone; WebAssembly reaches 4096 MiB: use smaller batches, a smaller model or backend.use("loops")`,
      { bytes },
    );
  }
}
