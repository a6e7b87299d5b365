/** Trained models by others: a whole story to the byte, and a GPT-2 without a tokenizer. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { generate } from "../../src/generation/generate.ts";
import { nextTokens, score } from "../../src/generation/score.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { loadModel } from "../../src/load.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { describeBackends } from "../backends.ts";
import { dataPath, describeWithData } from "../data.ts";
import { freshLogprobs } from "./models.ts";

const greatest = (numbers: readonly number[]): number =>
  numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 0);

describeWithData("the model stories260K", () => {
  describeBackends(() => {
    const story = readFileSync(dataPath("stories260K", "reference", "greedy-200.txt"), "utf8");
    let lm: LanguageModel;
    beforeAll(async () => {
      lm = await loadModel(dataPath("stories260K"));
    });

    it("writes llama2.c's greedy story of 200 tokens, byte for byte, in pieces and as a whole", async () => {
      const generation = generate(lm, "", { maxNewTokens: 200 });
      let streamed = "";
      let count = 0;
      for await (const piece of generation) {
        streamed += piece.text;
        count++;
      }
      const { text, tokens, usage, finishReason } = await generation;
      expect(streamed).toBe(text);
      expect(text).toBe(story);
      expect([count, tokens.length, usage.completionTokens, usage.promptTokens, finishReason]).toEqual([
        200,
        200,
        200,
        1,
        "length",
      ]);
    });

    it("gives the log-probabilities that reading the whole text again gives", async () => {
      const { tokens, logprobs } = await generate(lm, "", { maxNewTokens: 100 });
      const again = score(lm, [1, ...tokens]).logprobs;
      const error = greatest(logprobs.map((logprob, i) => logprob - again[i]));
      if (process.env.HEED_ERRORS !== undefined)
        console.log(`cached decoding: ${error.toExponential(1)} (allowed 1e-4)`);
      expect(error).toBeLessThanOrEqual(1e-4);
    });

    it("continues a text prompt behind BOS, and a list of tokens as it is", async () => {
      const tokens = lm.tokenizer?.encode("One day, Tom and Sue") ?? [];
      const fromText = await generate(lm, "One day, Tom and Sue", { maxNewTokens: 8 });
      expect(fromText.usage.promptTokens).toBe(tokens.length + 1);
      expect((await generate(lm, [1, ...tokens], { maxNewTokens: 8 })).tokens).toEqual(fromText.tokens);
      expect(fromText.text.startsWith(" ")).toBe(true); // the space between two words is written
    });

    it('knows what follows: after "Once upon a" comes " time"', () => {
      const [best] = nextTokens(lm, "Once upon a", { topK: 1 });
      expect(best.text.trim()).toMatch(/^t/);
      expect(best.prob).toBeGreaterThan(0.9);
    });
  });
});

describeWithData("a GPT-2 without a tokenizer", () => {
  describeBackends(() => {
    let lm: LanguageModel;
    beforeAll(async () => {
      lm = await loadModel(dataPath("tiny-gpt2"));
    });

    it("takes tokens, and gives tokens and no text", async () => {
      const result = await generate(lm, [52, 195, 731], { maxNewTokens: 6, eosIds: [] });
      expect(result.text).toBe("");
      expect(result.tokens).toHaveLength(6);
      expect(nextTokens(lm, [52, 195, 731], { topK: 2 }).map(({ text }) => text)).toEqual(["", ""]);
    });

    it("refuses text, and says what to give", async () => {
      await expect(generate(lm, "Hello")).rejects.toThrow(
        "generate: a text prompt needs a tokenizer; give { model, tokenizer }, or the prompt as a list of token ids",
      );
      expect(() => score(lm, "Hello")).toThrow(ConfigError);
    });
  });
});

describe("cached decoding", () => {
  describeBackends(() => {
    const families = {
      gpt2: {},
      llama: {
        norm: "rmsNorm",
        activation: "silu",
        gated: true,
        position: "rotary",
        bias: false,
        tieEmbeddings: false,
        nKvHeads: 1,
      },
      sinusoidal: { position: "sinusoidal", activation: "relu" },
    } as const;

    it.each(Object.keys(families) as (keyof typeof families)[])(
      "is what a loop without a cache computes: %s",
      async (family) => {
        const model = new Transformer(
          { vocabSize: 20, contextLength: 100, dModel: 16, nLayers: 2, nHeads: 2, ...families[family] },
          { seed: 4 },
        );
        const { tokens, logprobs } = await generate({ model }, [1, 2, 3], { maxNewTokens: 90 }); // beyond the cache's first 64 rows
        const read = [1, 2, 3];
        tokens.forEach((token, i) => {
          const fresh = freshLogprobs(model, read);
          expect(Math.abs(fresh[token] - logprobs[i])).toBeLessThanOrEqual(1e-4);
          expect(Math.max(...fresh) - fresh[token]).toBeLessThanOrEqual(1e-4);
          read.push(token);
        });
      },
    );
  });
});
