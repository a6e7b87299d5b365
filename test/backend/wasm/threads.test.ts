/** Threads: the same bits for any number of them, and no hang whatever becomes of a worker. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { createWasm } from "../../../src/backend/wasm/wasm.ts";
import { Random } from "../../../src/random.ts";

type Wasm = ReturnType<typeof createWasm>;

const started: Wasm[] = [];
const create = (threads: number): Wasm => {
  const wasm = createWasm({ threads, relaxed: false });
  started.push(wasm);
  return wasm;
};
afterEach(() => {
  vi.unstubAllGlobals();
  for (const wasm of started.splice(0)) wasm.dispose();
});

/** A chain of kernels over ranges large enough to be shared out. */
function chain({ kernels, memory }: Wasm, rounds: number): Float32Array {
  const n = 192;
  const random = new Random(1);
  const [a, b, c] = [0, 1, 2].map(() => memory.lend(n * n).map(() => random.normal() / 8));
  for (let i = 0; i < rounds; i++) {
    kernels.matmul(c, a, b, 1, n, n, n, i & 1, (i >> 1) & 1, 0, n);
    kernels.tanh(b, c, 0, n * n);
    kernels.add(a, b, c, n * n, n * n, 0, n * n);
    kernels.softmax(c, a, n, n, 0, n);
    kernels.sub(b, a, c, n * n, n * n, 0, n * n);
    kernels.scale(a, b, 0.5, 0, n * n);
  }
  return a.slice();
}

describe("threads", () => {
  it("give the same bits as one", async () => {
    const expected = chain(create(1), 20);
    for (const threads of [2, 3, 4]) {
      const wasm = create(threads);
      expect((await wasm.ready()).threads).toBe(threads);
      expect(chain(wasm, 20)).toEqual(expected);
    }
  });

  it("start by themselves at the first work that is worth it", async () => {
    const wasm = create(2);
    chain(wasm, 1);
    await vi.waitFor(() => expect(wasm.info().threads).toBe(2));
  });

  it("stop when they are disposed, and the work goes on", async () => {
    const wasm = create(3);
    await wasm.ready();
    wasm.dispose();
    expect(wasm.info().threads).toBe(1);
    expect(chain(wasm, 2)).toEqual(chain(create(1), 2));
  });
});

/** Node's workers, with another program in them. */
function stubWorkers(change: (source: string) => string): void {
  const { getBuiltinModule } = process;
  const real = getBuiltinModule.call(process, "node:worker_threads") as typeof import("node:worker_threads");
  class Changed extends real.Worker {
    constructor(source: string, options: object) {
      super(change(source), options);
    }
  }
  vi.stubGlobal("process", {
    versions: process.versions,
    getBuiltinModule: (name: string) =>
      name === "node:worker_threads" ? { Worker: Changed } : getBuiltinModule(name as "fs"),
  });
}

// Takes part until it has claimed a chunk, and then does nothing with it. Words as threads.ts lays them out.
const takes = (then: string): string => `
  const {workerData:d}=require("node:worker_threads"), w=new Int32Array(d.memory.buffer,0,256);
  Atomics.add(w,80,1);
  for(;;){ const v=Atomics.load(w,32);
    if((v&4095)&&Atomics.compareExchange(w,32,v,v-1)===v){ ${then} } }`;

describe("a worker that fails", () => {
  it.each([
    ["hangs with a chunk", takes("Atomics.store(w,128+(v&4095)-1,-1-d.thread); for(;;);")],
    ["hangs before it says which chunk it has", takes("for(;;);")],
    ["ends with a chunk", takes("Atomics.store(w,128+(v&4095)-1,-1-d.thread); process.exit();")],
  ])("%s: its chunk is done again", async (_, source) => {
    stubWorkers(() => source);
    const wasm = create(2);
    expect((await wasm.ready()).threads).toBe(2);
    expect(chain(wasm, 30)).toEqual(chain(create(1), 30));
    await vi.waitFor(() => expect(wasm.info().threads).toBe(1));
    expect(wasm.info().reasons.join()).toMatch(/Worker 1 is lost/);
  });

  it.each([
    ["throws at once", "throw new Error('no luck')", "no luck"],
    ["ends at once", "", "it ended"],
  ])("%s: the others go on, and say why", async (_, source, reason) => {
    stubWorkers(() => source);
    const wasm = create(2);
    const info = await wasm.ready();
    expect(info.threads).toBe(1);
    expect(info.reasons.join()).toContain(reason);
    expect(chain(wasm, 2)).toEqual(chain(create(1), 2));
  });

  it("cannot be made: one thread, and a reason", async () => {
    vi.stubGlobal("process", {
      versions: process.versions,
      getBuiltinModule: () => ({
        Worker: class {
          constructor() {
            throw new Error("not allowed");
          }
        },
      }),
    });
    const wasm = create(2);
    expect((await wasm.ready()).threads).toBe(1);
    expect(wasm.info().reasons.join()).toContain("Worker 1 could not start: not allowed.");
  });

  it("does not exist in this runtime: one thread, and a reason", async () => {
    vi.stubGlobal("process", undefined);
    vi.stubGlobal("Worker", undefined);
    const wasm = create(2);
    expect((await wasm.ready()).threads).toBe(1);
    expect(wasm.info().reasons.join()).toContain("no workers");
  });

  it("is not asked for where memory cannot be shared", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const wasm = create(2);
    expect((await wasm.ready()).threads).toBe(1);
    expect(wasm.info().reasons.join()).toContain("memory cannot be shared");
    expect(chain(wasm, 2)).toEqual(chain(create(1), 2));
  });
});
