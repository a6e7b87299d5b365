/**
 * Threads: the pool of workers, and how a range is shared out among them.
 *
 * A job is a kernel function, its block of arguments and a range cut into chunks. Whoever has time takes the next chunk, the calling
 * thread too; so a slow or dead worker delays nothing but the chunk that it holds. All of this happens in the shared
 * memory, in words that are changed atomically:
 *
 *     EPOCH    the number of the last job; workers without work spin on it for a moment, then sleep
 *     CLAIM    that number and how many chunks nobody has taken yet, in one word: a late worker can never take a chunk of
 *              a job that it does not know
 *     STATE    for each chunk 0, then minus the number of the thread that has it, then the number of the job: done
 *
 * A kernel never reads what it writes, so a chunk that a dead worker held is simply run again.
 */
import { atomic, i32 } from "./assembler.ts";
import type { I32 } from "./assembler.ts";
import type { Assembly } from "./kernel.ts";
import { setThreadIndex } from "./module.ts";

// Addresses; words that different threads change often stand in cache lines of their own.
const EPOCH = 64;
const CLAIM = 128;
const JOB = { fn: 192, block: 196, begin: 200, end: 204, chunk: 208 };
const SLEEPING = 256;
const READY = 320;
const STOP = 324;
const STATE = 512;

/** The most chunks of a job. */
const MAX_CHUNKS = 64;
/** Bits of the claim word that count chunks; the others hold the number of the job. */
const COUNT_BITS = 12;
const EPOCHS = 2 ** (31 - COUNT_BITS);
/** Chunks for each thread: enough that one which is interrupted does not keep the others waiting for long. */
const CHUNKS_PER_THREAD = 4;
/** Work of the smallest chunk worth handing over, in multiply-adds: some microseconds. */
const MIN_CHUNK_WORK = 16_384;
/** Looks at EPOCH before a worker goes to sleep: some hundred microseconds, longer than the pauses between the kernels of a step. */
const SPINS = 200_000;
/** Looks at a chunk before the calling thread sleeps until it is done. */
const WAITING_SPINS = 20_000;
/** Milliseconds that workers may take to start. */
const STARTING_MS = 10_000;
/** Milliseconds that a chunk may take before its thread is taken for dead. Even slow chunks take some milliseconds. */
const PATIENCE_MS = 1000;

/** Adds what workers run, and what the calling thread runs to take part. */
export function addThreads({ module }: Assembly): void {
  const at = (address: number): I32 => i32.const(address);
  const share = module.define("share", ["i32"], (f, thread) => {
    const claim = f.let(atomic.load(at(CLAIM)));
    const [chunk, begin, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.while(i32.and(claim, 2 ** COUNT_BITS - 1), () => {
      f.if(i32.eq(atomic.cmpxchg(at(CLAIM), claim, i32.sub(claim, 1)), claim), () => {
        f.set(chunk, i32.sub(i32.and(claim, 2 ** COUNT_BITS - 1), 1));
        const state = i32.add(i32.shl(chunk, 2), STATE);
        f.do(atomic.store(state, i32.sub(-1, thread)));
        f.set(begin, i32.add(i32.load(at(JOB.begin)), i32.mul(chunk, i32.load(at(JOB.chunk)))));
        f.set(end, i32.add(begin, i32.load(at(JOB.chunk))));
        f.if(i32.gt_u(end, i32.load(at(JOB.end))), () => f.set(end, i32.load(at(JOB.end))));
        f.do(
          module.callIndirect(["i32", "i32", "i32"], [i32.load(at(JOB.block)), begin, end], i32.load(at(JOB.fn))),
          atomic.store(state, i32.shr_u(claim, COUNT_BITS)),
        );
        f.drop(atomic.notify(state, 1));
      });
      f.set(claim, atomic.load(at(CLAIM)));
    });
  });
  module.define("work", ["i32"], (f, thread) => {
    const [last, spins] = [f.local("i32"), f.local("i32")];
    f.do(setThreadIndex(thread));
    f.drop(atomic.add(at(READY), 1));
    f.while(i32.eqz(atomic.load(at(STOP))), () => {
      f.set(spins, SPINS);
      const idle = i32.eq(atomic.load(at(EPOCH)), last);
      f.while(i32.and(idle, i32.ne(spins, 0)), () => f.increase(spins, -1));
      f.if(idle, () => {
        f.drop(atomic.add(at(SLEEPING), 1));
        f.drop(atomic.wait(at(EPOCH), last));
        f.drop(atomic.add(at(SLEEPING), -1));
      });
      f.set(last, atomic.load(at(EPOCH)));
      f.do(share(thread));
    });
  });
}

/** What a worker needs to begin. */
interface Start {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  thread: number;
}

/** A worker of any runtime. */
interface Thread {
  readonly number: number;
  terminate(): unknown;
}

/** What is used of `node:worker_threads`, which Deno and Bun have too. */
interface NodeWorkers {
  Worker: new (
    source: string,
    options: object,
  ) => { unref(): void; terminate(): unknown; on(event: string, listener: (value: unknown) => void): void };
}

// The whole program of a worker. It never ends, and needs no messages: everything else happens in shared memory.
const WORK = "new WebAssembly.Instance(d.module,{heed:{memory:d.memory}}).exports.work(d.thread)";

/** Starts a worker; `onEnd` is told why it ended by itself. */
type StartWorker = (start: Start, onEnd: (reason: string) => void) => Thread;

/** How workers start here, or why they cannot. */
export function findWorkers(): StartWorker | string {
  const runtime = (
    globalThis as { process?: { getBuiltinModule?(name: string): unknown; versions?: { node?: string } } }
  ).process;
  if (runtime?.versions?.node !== undefined) {
    const workers = runtime.getBuiltinModule?.("node:worker_threads") as NodeWorkers | undefined;
    return workers === undefined
      ? "One thread: this version of Node is too old to start workers without waiting; 20.16 is the first that can."
      : (start, onEnd) => startNodeWorker(workers, start, onEnd);
  }
  if (typeof Worker !== "function") return "One thread: this runtime has no workers.";
  return startWebWorker;
}

const startNodeWorker = ({ Worker }: NodeWorkers, start: Start, onEnd: (reason: string) => void): Thread => {
  const source = `const{workerData:d}=require("node:worker_threads");${WORK}`;
  // execArgv: what the program was started with (loaders, inspectors) is not meant for this worker.
  const worker = new Worker(source, { eval: true, workerData: start, execArgv: [], name: "heed" });
  worker.unref();
  worker.on("error", (error) => onEnd(String(error)));
  worker.on("exit", () => onEnd("it ended"));
  return { number: start.thread, terminate: () => worker.terminate() };
};

const startWebWorker: StartWorker = (start, onEnd) => {
  const source = new Blob([`onmessage=({data:d})=>{${WORK}}`], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  const worker = new Worker(url);
  worker.onerror = (event) => {
    event.preventDefault();
    onEnd(event.message || "it was refused");
  };
  worker.postMessage(start);
  return {
    number: start.thread,
    terminate() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
};

/** The pool. Workers start at the first job that is large enough, and take part as soon as they run. */
export class ThreadPool {
  /** Why there are fewer threads than wanted. */
  readonly reasons: string[] = [];
  /** Threads that are wanted, the calling one included. */
  readonly limit: number;
  readonly #start: Omit<Start, "thread">;
  readonly #exports: { share(thread: number): void };
  readonly #words: Int32Array;
  readonly #canSleep: boolean;
  #threads: Thread[] = [];
  #started = false;
  #lost = 0;
  #epoch = 0;

  constructor(limit: number, start: Omit<Start, "thread">, exports: { share(thread: number): void }) {
    this.limit = limit;
    this.#start = start;
    this.#exports = exports;
    this.#words = new Int32Array(start.memory.buffer, 0, 1024 / 4);
    this.#canSleep = canSleep(this.#words);
  }

  /** Threads that take part now, the calling one included. */
  get size(): number {
    return 1 + Math.max(0, Math.min(this.#threads.length, this.#read(READY) - this.#lost));
  }

  /** Starts the workers, once. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    const startWorker = findWorkers();
    if (typeof startWorker === "string") {
      this.reasons.push(startWorker);
      return;
    }
    for (let thread = 1; thread < this.limit; thread++) {
      try {
        const worker = startWorker({ ...this.#start, thread }, (why) => this.#lose(thread, why));
        this.#threads.push(worker);
      } catch (error) {
        this.reasons.push(
          `Worker ${thread} could not start: ${error instanceof Error ? error.message : String(error)}.`,
        );
      }
    }
  }

  /** Resolves when every worker takes part or has failed. */
  async ready(): Promise<void> {
    this.start();
    const deadline = performance.now() + STARTING_MS;
    while (this.size <= this.#threads.length) {
      if (performance.now() > deadline) {
        for (const { number } of this.#threads.slice(this.size - 1)) this.#lose(number, "it did not start");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Ends all workers. */
  stop(): void {
    Atomics.store(this.#words, STOP / 4, 1);
    Atomics.add(this.#words, EPOCH / 4, 1);
    Atomics.notify(this.#words, EPOCH / 4);
    for (const thread of this.#threads.splice(0)) thread.terminate();
  }

  /** Into how many chunks a range is cut: 1 if more are not worth it. */
  chunks(items: number, cost: number): number {
    const worthwhile = Math.min(items, Math.floor((items * cost) / MIN_CHUNK_WORK), MAX_CHUNKS);
    if (worthwhile < 2 || this.limit === 1) return 1;
    this.start();
    const { size } = this;
    return size === 1 ? 1 : Math.min(worthwhile, CHUNKS_PER_THREAD * size);
  }

  /**
   * Runs a function over a range in `chunks` chunks.
   *
   * @param fn its place in the table
   * @param rerun runs a part of the range on this thread, should another thread fail
   */
  run(
    fn: number,
    block: number,
    begin: number,
    end: number,
    chunks: number,
    rerun: (begin: number, end: number) => void,
  ): void {
    const words = this.#words;
    const size = Math.ceil((end - begin) / chunks);
    const count = Math.ceil((end - begin) / size);
    this.#epoch = (this.#epoch % (EPOCHS - 1)) + 1;
    words.fill(0, STATE / 4, STATE / 4 + count);
    words.set([fn, block, begin, end, size], JOB.fn / 4);
    Atomics.store(words, CLAIM / 4, this.#epoch * 2 ** COUNT_BITS + count);
    Atomics.store(words, EPOCH / 4, this.#epoch);
    if (Atomics.load(words, SLEEPING / 4) > 0) Atomics.notify(words, EPOCH / 4);
    this.#exports.share(0);
    for (let chunk = 0; chunk < count; chunk++) {
      if (this.#isDone(chunk)) continue;
      const from = begin + chunk * size;
      rerun(from, Math.min(from + size, end));
    }
  }

  /** Waits until a chunk is done; false if its thread is taken for dead. */
  #isDone(chunk: number): boolean {
    const address = STATE + 4 * chunk;
    for (let spins = 0; spins < WAITING_SPINS; spins++) if (this.#read(address) === this.#epoch) return true;
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const state = this.#read(address);
      if (state === this.#epoch) return true;
      if (this.#canSleep) Atomics.wait(this.#words, address / 4, state, 50);
    }
    const holder = -1 - this.#read(address);
    // A worker that died just before it wrote its number down is not known: then all of them go.
    const known = this.#threads.some(({ number }) => number === holder);
    for (const { number } of [...this.#threads])
      if (!known || number === holder) this.#lose(number, `it did not answer for ${PATIENCE_MS} ms`);
    return false;
  }

  #lose(number: number, why: string): void {
    const place = this.#threads.findIndex((thread) => thread.number === number);
    if (place < 0) return;
    const [thread] = this.#threads.splice(place, 1);
    thread.terminate();
    this.#lost++;
    this.reasons.push(`Worker ${number} is lost: ${why}. The others do its work.`);
  }

  #read(address: number): number {
    return Atomics.load(this.#words, address / 4);
  }
}

/** Whether this thread may sleep: a browser's main thread may not. */
function canSleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, EPOCH / 4, -1, 0);
    return true;
  } catch {
    return false;
  }
}
