/**
 * Kernels that do nothing but read or copy, written with the backend's own assembler: how fast memory can be gone through at
 * all. They stand in a module of their own, beside the matrix products that are compared with them on the same bytes.
 */
import type { Kernels } from "../src/backend/backend.ts";
import { f32x4, i32, v128 } from "../src/backend/wasm/assembler.ts";
import type { V128 } from "../src/backend/wasm/assembler.ts";
import { Engine } from "../src/backend/wasm/engine.ts";
import { hasRelaxedSimd } from "../src/backend/wasm/features.ts";
import { Assembly } from "../src/backend/wasm/kernel.ts";
import type { Call, Work } from "../src/backend/wasm/kernel.ts";
import { addMatmul } from "../src/backend/wasm/matmul.ts";
import { LinearMemory } from "../src/backend/wasm/memory.ts";
import { addPanels } from "../src/backend/wasm/panels.ts";
import { addThreads } from "../src/backend/wasm/threads.ts";

/** Floats of a block, the unit that ranges of these kernels are counted in: 64 KiB. */
export const BLOCK = 16_384;
const BLOCK_BYTES = 4 * BLOCK;
/** Vectors that a loop handles in a round: as many sums as fit into registers. */
const VECTORS = 8;

/** Numbers of streams that reading is tried with: which one is fastest depends on the processor. */
export const STREAMS = [1, 2, 4, 8] as const;

/** A way to read. */
export type StreamCount = (typeof STREAMS)[number];

/** The kernels in a memory of their own, for one number of threads or another. */
export class Streams {
  readonly memory: LinearMemory = new LinearMemory(true);
  readonly matmul: Kernels["matmul"];
  readonly #read: Map<StreamCount, Call>;
  readonly #copy: Call;
  readonly #module: WebAssembly.Module;
  readonly #names: readonly string[];
  readonly #engines = new Map<number, Engine>();
  #engine: Engine | null = null;

  /** @param relaxed whether products may use relaxed SIMD where there is any */
  constructor(relaxed: boolean) {
    const assembly = new Assembly(relaxed && hasRelaxedSimd(), this.memory, (...call) => {
      if (this.#engine === null) throw new Error("Streams: no threads are ready");
      this.#engine.run(...call);
    });
    addMatmul(assembly, addPanels(assembly));
    const { matmul } = assembly.kernels;
    if (matmul === undefined) throw new Error("Streams: there is no matrix product");
    this.matmul = matmul;
    this.#read = new Map(STREAMS.map((streams) => [streams, readKernel(assembly, streams)]));
    this.#copy = copyKernel(assembly);
    addThreads(assembly);
    this.#module = new WebAssembly.Module(assembly.module.encode(true));
    this.#names = assembly.module.names;
  }

  /** Starts what computes with so many threads. */
  async prepare(threads: number): Promise<void> {
    if (this.#engines.has(threads)) return;
    const engine = new Engine(this.#module, this.#names, this.memory, threads);
    await engine.ready();
    if (engine.threads !== threads) {
      engine.stop();
      throw new Error(`${engine.threads} instead of ${threads} threads: ${engine.reasons.join(" ")}`);
    }
    this.#engines.set(threads, engine);
  }

  /** Computes with so many threads from now on; they have been prepared. */
  use(threads: number): this {
    const engine = this.#engines.get(threads);
    if (engine === undefined) throw new Error(`Streams: ${threads} threads have not been prepared`);
    this.#engine = engine;
    return this;
  }

  /** Adds up the whole blocks of an array; a part of the sum for each thread's share comes into `out`, four floats for each block. */
  read(streams: StreamCount, out: Float32Array, x: Float32Array): number {
    this.#read.get(streams)?.([out, x], { begin: 0, ...allBlocks(x) });
    return out[0];
  }

  /** Copies the whole blocks of an array. */
  copy(out: Float32Array, x: Float32Array): number {
    this.#copy([out, x], { begin: 0, ...allBlocks(x) });
    return out[0];
  }

  /** Ends the threads. */
  stop(): void {
    for (const engine of this.#engines.values()) engine.stop();
  }
}

function allBlocks(x: Float32Array): Pick<Work, "end" | "items" | "cost"> {
  return { end: Math.floor(x.length / BLOCK), items: Infinity, cost: BLOCK };
}

/** The sum of blocks `begin` to `end` of x, read in `streams` parts side by side, into the four floats at out[4 · begin]. */
function readKernel(assembly: Assembly, streams: StreamCount): Call {
  return assembly.function(`read${streams}`, { outputs: 1, inputs: 1 }, (f, out, x, begin, end) => {
    const rounds = VECTORS / streams;
    const sums = Array.from({ length: VECTORS }, () => f.local("v128"));
    const bytes = f.let(i32.mul(i32.sub(end, begin), i32.const(BLOCK_BYTES / streams)));
    const first = f.let(i32.add(x, i32.mul(begin, i32.const(BLOCK_BYTES))));
    const pointers = Array.from({ length: streams }, (_, s) => f.let(i32.add(first, i32.mul(bytes, i32.const(s)))));
    const last = f.let(i32.add(first, bytes));
    f.while(i32.ne(pointers[0], last), () => {
      for (let round = 0; round < rounds; round++) {
        pointers.forEach((pointer, s) => {
          const sum = sums[round * streams + s];
          f.set(sum, f32x4.add(sum, v128.load(pointer, 16 * round)));
        });
      }
      for (const pointer of pointers) f.increase(pointer, 16 * rounds);
    });
    const total = sums.reduce<V128>((a, b) => f32x4.add(a, b), f32x4.const(0));
    f.do(v128.store(i32.add(out, i32.shl(begin, i32.const(4))), total));
  });
}

/** Blocks `begin` to `end` of out are those of x. */
function copyKernel(assembly: Assembly): Call {
  return assembly.function("copy", { outputs: 1, inputs: 1 }, (f, out, x, begin, end) => {
    const start = f.let(i32.mul(begin, i32.const(BLOCK_BYTES)));
    const to = f.let(i32.add(out, start));
    const from = f.let(i32.add(x, start));
    const last = f.let(i32.add(x, i32.mul(end, i32.const(BLOCK_BYTES))));
    f.while(i32.ne(from, last), () => {
      for (let i = 0; i < VECTORS; i++) f.do(v128.store(to, v128.load(from, 16 * i), 16 * i));
      f.increase(to, 16 * VECTORS);
      f.increase(from, 16 * VECTORS);
    });
  });
}

/** Something that several cases use: made for the first of them, given up after the last. */
export class Shared<T> {
  readonly #make: () => T;
  readonly #end: (value: T) => void;
  #users = 0;
  #held: { value: T } | null = null;

  constructor(make: () => T, end: (value: T) => void) {
    this.#make = make;
    this.#end = end;
  }

  /** The value, for one user more. */
  take(): T {
    this.#held ??= { value: this.#make() };
    this.#users++;
    return this.#held.value;
  }

  /** The value, for one user more, when it is ready for that one. */
  async takeReady(prepare: (value: T) => Promise<void>): Promise<T> {
    const value = this.take();
    try {
      await prepare(value);
      return value;
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  /** One user less. */
  leave(): void {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users > 0 || this.#held === null) return;
    this.#end(this.#held.value);
    this.#held = null;
  }
}
