/** A language model is a plain object of two parts: what one function makes of it, every other takes. */
import { beforeAll, describe, expect, it } from "vitest";
import { BPETokenizer, Transformer, backend, generate, loadModel, nextTokens, saveModel, score, train } from "heed";
import type { LanguageModel } from "heed";
import { PINNED, runPinnedTraining } from "./pinned-training.ts";

const text = "the ship sailed on the sea. the sea was calm. the ship came home. ".repeat(12);

it("the same seed gives the same digits as in every other runtime", async () => {
  backend.use("loops");
  expect(await runPinnedTraining()).toEqual(PINNED);
  backend.use("auto");
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
