/** Where the numbers of a model lie: in the memory of the backend that works on them, shared between threads or not. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backend, backendMemory } from "../../src/backend/current.ts";
import { LinearMemory } from "../../src/backend/wasm/memory.ts";
import { DisposedError } from "../../src/errors.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { assignParameters } from "../../src/nn/init.ts";
import { add, mul } from "../../src/ops/arithmetic.ts";
import { crossEntropy } from "../../src/ops/cross-entropy.ts";
import { reshape, slice } from "../../src/ops/layout.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { sum } from "../../src/ops/reduce.ts";
import { ones } from "../../src/tensor/create.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { AdamW } from "../../src/training/optimizer.ts";

const CONFIG = { vocabSize: 50, contextLength: 200, dModel: 32, nLayers: 2, nHeads: 2 };
const TOKENS = [1, 2, 3, 4, 5, 6, 7, 8];

const make = (position: "learned" | "rotary" | "sinusoidal" = "rotary"): Transformer =>
  new Transformer({ ...CONFIG, position }, { seed: 3 });
const arrays = (model: Transformer): Tensor[] => [...model.parameters().values()];
const memory = (): LinearMemory => backendMemory() as LinearMemory;
const areHome = (tensors: Tensor[]): boolean => tensors.every(({ data }) => memory().holds(data));
const logitsOf = (model: Transformer): number[] => scope(() => [...model.forward(TOKENS).data]);

afterEach(() => {
  vi.unstubAllGlobals();
  backend.use("loops");
});

/** One step of a loop written by hand; with or without a scope. */
function step(model: Transformer, optimizer: AdamW): number {
  const loss = crossEntropy(model.forward(TOKENS), TOKENS);
  loss.backward();
  optimizer.step(1e-2);
  optimizer.zeroGrad();
  return loss.item();
}

describe.each(["shared", "unshared"] as const)("in %s memory", (kind) => {
  beforeEach(() => {
    if (kind === "unshared") vi.stubGlobal("SharedArrayBuffer", undefined);
    backend.use("wasm", { threads: 1, relaxed: false });
    backend.use("wasm", { threads: 1 }); // other options, so that what follows has a memory of its own
    backend.use("wasm", { threads: 1, relaxed: false });
    expect(memory().shared).toBe(kind === "shared");
  });

  it.each(["learned", "rotary", "sinusoidal"] as const)("forward pins a model with %s positions", (position) => {
    const model = make(position);
    const before = arrays(model).map(({ data }) => [...data]);
    expect(arrays(model).some(({ data }) => memory().holds(data))).toBe(false);
    const first = logitsOf(model);
    expect(areHome(arrays(model))).toBe(true);
    expect(arrays(model).map(({ data }) => [...data])).toEqual(before);
    expect(logitsOf(model)).toEqual(first);
    expect(arrays(model).every((array) => array.data === array.data)).toBe(true);
  });

  it("new numbers are written to where the old ones are", () => {
    const [model, other] = [make(), new Transformer({ ...CONFIG, position: "rotary" }, { seed: 4 })];
    logitsOf(model);
    const places = arrays(model).map(({ data }) => data.byteOffset);
    assignParameters(model.parameters(), new Map([...other.parameters()].map(([name, { data }]) => [name, data])));
    expect(arrays(model).map(({ data }) => data.byteOffset)).toEqual(places);
    expect(logitsOf(model)).toEqual(logitsOf(other));
  });

  it("a model that was disposed of makes room for the next", () => {
    const model = make();
    logitsOf(model);
    for (let round = 0; round < 3; round++) make().dispose();
    const bytes = (): number => {
      const next = make("sinusoidal");
      logitsOf(next);
      next.dispose();
      expectDisposed(next);
      return memory().bytes;
    };
    bytes();
    const after = bytes();
    for (let round = 0; round < 30; round++) expect(bytes()).toBe(after);
    expect(areHome(arrays(model))).toBe(true);
  });

  it("follows the backend, and leaves the memory of the one before", () => {
    const model = make();
    const first = logitsOf(model);
    const old = memory();
    backend.use("loops");
    logitsOf(model);
    expect(arrays(model).some(({ data }) => old.holds(data))).toBe(false);
    backend.use("wasm", { threads: 1, relaxed: false });
    expect(logitsOf(model)).toEqual(first);
    expect(areHome(arrays(model))).toBe(true);
  });

  it("views of parameters keep their numbers through growth, disposal and moves", () => {
    const model = make("learned");
    const table = model.tokenEmbedding.weight;
    logitsOf(model);
    const row = slice(table, { start: 1, end: 2 });
    const part = slice(reshape(row, [32]), { start: 4, end: 8 });
    const fromScope = scope(() => slice(table, { start: 2, end: 3 }));
    const numbers = [row, part, fromScope].map((x) => [...x.data]);
    table.data[32] = numbers[0][0] = 17;
    memory().pin(3_000_000)?.release();
    expect([row, part, fromScope].map((x) => [...x.data])).toEqual(numbers);
    model.dispose();
    expect(() => table.data).toThrow(DisposedError);
    logitsOf(make());
    expect([row, part, fromScope].map((x) => [...x.data])).toEqual(numbers);
  });

  it("memory that grows between forward and backward does not change a gradient", () => {
    const gradients = (grow: () => void): number[][] => {
      const model = make();
      const { weight } = model.tokenEmbedding;
      model.forward([1]);
      const loss = add(
        crossEntropy(model.forward(TOKENS), TOKENS),
        sum(add(mul(weight, weight), matmul(ones([50, 50]), weight))),
      );
      grow();
      loss.backward();
      return arrays(model).map(({ grad }) => [...(grad as Tensor).data]);
    };
    expect(gradients(() => memory().pin(memory().bytes / 4))).toEqual(gradients(() => {}));
  });

  it("a loop written by hand gives the same bits with scopes and without, and its memory stays as it is", () => {
    const run = (around: (fn: () => number) => number): number[] => {
      const model = make();
      const optimizer = new AdamW(model.parameters());
      const losses: number[] = [];
      let bytes = 0;
      for (let i = 0; i < 40; i++) {
        losses.push(around(() => step(model, optimizer)));
        if (i === 5) bytes = memory().bytes;
      }
      expect(memory().bytes).toBe(bytes);
      expect(areHome(arrays(model))).toBe(true);
      return losses;
    };
    const losses = run((fn) => fn());
    expect(losses[39]).toBeLessThan(0.2 * losses[0]);
    expect(run(scope)).toEqual(losses);
  });

  it("a cache lies there too, moves when it grows, and gives its memory back", () => {
    const model = make();
    const plain = scope(() => [...model.forward(Array(150).fill(7), { lastOnly: true }).data]);
    let bytes = 0;
    for (let round = 0; round < 40; round++) {
      const kvCache = model.newCache();
      let last: number[] = [];
      for (let i = 0; i < 3; i++)
        last = scope(() => [...model.forward(Array(50).fill(7), { kvCache, lastOnly: true }).data]);
      const scale = Math.max(...plain.map(Math.abs));
      last.forEach((value, i) => expect(Math.abs(value - plain[i])).toBeLessThan(1e-5 * scale));
      kvCache.reorder([0, 0]);
      kvCache.dispose();
      if (round === 3) bytes = memory().bytes;
    }
    expect(memory().bytes).toBe(bytes);
  });
});

function expectDisposed(model: Transformer): void {
  expect(() => model.forward(TOKENS)).toThrow(DisposedError);
}

describe("a long prompt", () => {
  it("needs the memory of one block, however many there are, and gives the same bits", () => {
    backend.use("wasm", { threads: 1, relaxed: false });
    const tokens = Array.from({ length: 150 }, (_, i) => i % 50);
    const peakOf = (nLayers: number): number => {
      const model = new Transformer({ ...CONFIG, nLayers }, { seed: 3 });
      const lend = vi.spyOn(memory(), "lend");
      let most = 0;
      lend.mockImplementation((size) => {
        const array = LinearMemory.prototype.lend.call(memory(), size);
        most = Math.max(most, memory().mark());
        return array;
      });
      const before = memory().mark();
      const cached = scope(() => [...model.forward(tokens, { kvCache: model.newCache() }).data]);
      lend.mockRestore();
      expect(cached).toEqual(scope(() => [...model.forward(tokens).data]));
      model.dispose();
      return most - before;
    };
    expect(peakOf(8)).toBeLessThan(1.1 * peakOf(2));
  });
});
