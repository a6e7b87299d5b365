/**
 * The built package in a browser: the whole path from a text to texts, without a file system or a server. It runs in a page that is
 * cross-origin isolated, where threads can share memory, and in one that is not.
 */
import { afterEach, describe, expect, inject, it } from "vitest";
import {
  BPETokenizer,
  ConfigError,
  Transformer,
  backend,
  generate,
  loadModel,
  nextTokens,
  saveModel,
  train,
} from "heed";
import { Tensor, tensor } from "heed/tensor";
import { PINNED, runPinnedTraining } from "../pinned-training.ts";

const text = "The sea is deep and the ocean is wide. The ship sails on the sea. ".repeat(30);
const tokenizer = BPETokenizer.train(text, { vocabSize: 300, specialTokens: ["<|endoftext|>"] });

/** A model after five steps, and the losses of those. */
async function trained(): Promise<{ model: Transformer; losses: number[] }> {
  const model = new Transformer(
    { vocabSize: tokenizer.vocabSize, contextLength: 32, dModel: 32, nLayers: 2, nHeads: 2 },
    { seed: 1 },
  );
  const losses: number[] = [];
  for await (const { loss } of train(model, tokenizer.encode(text), {
    maxSteps: 5,
    batchSize: 4,
    learningRate: 1e-2,
    seed: 1,
  }))
    losses.push(loss);
  return { model, losses };
}

declare module "vitest" {
  interface ProvidedContext {
    /** Whether the page is meant to be cross-origin isolated. */
    isolated: boolean;
  }
}
const isolated = inject("isolated");

describe(isolated ? "in an isolated page" : "in a page that is not isolated", () => {
  afterEach(() => backend.use("auto"));

  it("takes the fastest backend by itself", async () => {
    expect(crossOriginIsolated).toBe(isolated);
    expect(backend.info()).toMatchObject({ name: "wasm", simd: true });
    expect((await backend.ready()).name).toBe("wasm");
  });

  it("runs on as many threads as there can be, and says why there are no more", async () => {
    backend.use("wasm", { threads: 3 });
    const { threads, reasons } = await backend.ready();
    expect(threads).toBe(isolated ? 3 : 1);
    if (!isolated) expect(reasons.join()).toMatch(/One thread: .* cross-origin isolated/);
  });

  it("shares its classes between entry points", () => {
    expect(tensor([1, 2])).toBeInstanceOf(Tensor);
    expect(
      new Transformer({ vocabSize: 4, contextLength: 4, dModel: 4, nLayers: 1, nHeads: 1 }).forward([1]),
    ).toBeInstanceOf(Tensor);
  });

  it("trains, saves to memory, loads, and writes greedily, by beam and by sampling", async () => {
    const { model, losses } = await trained();
    expect(losses).toHaveLength(5);
    expect(losses[4]).toBeLessThan(losses[0]);

    const files = new Map<string, Uint8Array>();
    await saveModel({ model, tokenizer }, files);
    const lm = await loadModel(files);
    const before = await generate({ model, tokenizer }, "The sea", { maxNewTokens: 8 });
    const greedy = await generate(lm, "The sea", { maxNewTokens: 8 });
    expect(greedy.tokens).toEqual(before.tokens);

    const beam = await generate(lm, "The sea", {
      strategy: "beam",
      numBeams: 3,
      numReturnSequences: 2,
      maxNewTokens: 8,
    });
    expect(beam.sequences).toHaveLength(2);
    expect(beam.sequences[0].score).toBeGreaterThanOrEqual(beam.sequences[1].score);

    let streamed = "";
    for await (const piece of generate(lm, "The sea", { strategy: "sample", seed: 7, maxNewTokens: 8 }))
      streamed += piece.text;
    const sampled = await generate(lm, "The sea", { strategy: "sample", seed: 7, maxNewTokens: 8 });
    expect(streamed).toBe(sampled.text);
    expect(nextTokens(lm, "The sea", { topK: 3 })).toHaveLength(3);
  });

  it.each([
    ["loops", {}],
    ["wasm", { relaxed: false, threads: 1 }],
    ["wasm", { relaxed: false, threads: isolated ? 2 : 1 }],
  ] as const)("gives the same digits as every other runtime: %s, %o", async (name, options) => {
    backend.use(name, options);
    expect(await backend.ready()).toMatchObject({ name, relaxed: false, threads: 1, ...options });
    expect(await runPinnedTraining()).toEqual(PINNED[name]);
  });

  it("says that a folder needs a file system", async () => {
    await expect(loadModel("./my-model")).rejects.toThrow(ConfigError);
    await expect(loadModel("./my-model")).rejects.toThrow(/no file system/);
  });
});
