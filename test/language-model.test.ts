/** A language model is a plain object of two parts: what one function makes of it, every other takes. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { BPETokenizer, Transformer, backend, generate, loadModel, nextTokens, saveModel, score, train } from "heed";
import type { LanguageModel } from "heed";
import { PINNED, runPinnedTraining } from "./pinned-training.ts";

const text = "the ship sailed on the sea. the sea was calm. the ship came home. ".repeat(12);

describe("the same seed gives the same digits as in every other runtime", () => {
  afterEach(() => backend.use("auto"));

  it("on loops", async () => {
    backend.use("loops");
    expect(await runPinnedTraining()).toEqual(PINNED.loops);
  });

  it.each([1, 2, 3])("on wasm with %i threads", async (threads) => {
    backend.use("wasm", { threads, relaxed: false });
    expect(await backend.ready()).toMatchObject({ name: "wasm", relaxed: false, threads });
    expect(await runPinnedTraining()).toEqual(PINNED.wasm);
  });
});

/** As libraries stub it for browsers. */
const browserLike: unknown = Object.create(process, { versions: { value: {} } });

describe("a program finds its way where", () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["there is no WebAssembly", { WebAssembly: undefined }, "loops", /there is no WebAssembly/],
    ["memory cannot be shared", { SharedArrayBuffer: undefined }, "wasm", /memory cannot be shared/],
    ["there are no workers", { process: browserLike, Worker: undefined }, "wasm", /no workers/],
  ] as const)("%s", async (_, missing, name, reason) => {
    vi.resetModules(); // a program that has not asked for a backend yet
    const program = await import("heed");
    const { runPinnedTraining: run } = await import("./pinned-training.ts");
    for (const [key, value] of Object.entries(missing)) vi.stubGlobal(key, value);
    expect(program.backend.info().name).toBe(name);
    if (name === "wasm") program.backend.use("auto", { relaxed: false, threads: 4 });
    const info = await program.backend.ready();
    expect(info).toMatchObject({ name, threads: 1 });
    expect(info.reasons.join()).toMatch(reason);
    expect(await run()).toEqual(PINNED[name]);
  });
});

describe("a model and its tokenizer, from nothing", () => {
  const tokenizer = BPETokenizer.train(text, { vocabSize: 288, specialTokens: ["<|endoftext|>"] });
  const model = new Transformer(
    { vocabSize: tokenizer.vocabSize, contextLength: 24, dModel: 32, nLayers: 1, nHeads: 2 },
    { seed: 1 },
  );
  const lm: LanguageModel = { model, tokenizer };
  let losses: number[];
  beforeAll(async () => {
    losses = [];
    for await (const { loss } of train(model, tokenizer.encode(text), {
      maxSteps: 120,
      batchSize: 8,
      learningRate: 1e-2,
      seed: 1,
    }))
      losses.push(loss);
  });

  it("learn a text", () => {
    expect(losses[0]).toBeGreaterThan(5); // ln 288 = 5.66 for a model that knows nothing
    expect(losses[119]).toBeLessThan(0.5);
  });

  it("continue it with every strategy", async () => {
    const options = [{}, { strategy: "sample", topK: 1, seed: 1 }, { strategy: "beam", numBeams: 3 }] as const;
    for (const each of options)
      expect((await generate(lm, "the ship sailed on", { ...each, maxNewTokens: 4 })).text).toMatch(/^ the sea\./);
  });

  it("know which text is likely, and what comes next", () => {
    expect(score(lm, "the sea was calm.").perplexity).toBeLessThan(score(lm, "calm the was sea.").perplexity);
    expect(nextTokens(lm, "the sea was", { topK: 1 })[0].text).toMatch(/^ c/);
  });

  it("are the same after being saved and loaded", async () => {
    const files = new Map<string, Uint8Array>();
    await saveModel(lm, files);
    const loaded = await loadModel(files);
    const write = async (each: LanguageModel): Promise<unknown> => {
      const {
        tokens,
        logprobs,
        text: written,
      } = await generate(each, "the ship", { strategy: "sample", seed: 5, maxNewTokens: 16 });
      return { tokens, logprobs, written };
    };
    expect(await write(loaded)).toEqual(await write(lm));
  });
});
