/** Sampling draws from exactly the distribution that its options describe. */
import { describe, expect, it } from "vitest";
import { generate } from "../../src/generation/generate.ts";
import { keepTopK, keepTopP } from "../../src/generation/logits.ts";
import { resolveOptions } from "../../src/generation/options.ts";
import type { SampleOptions } from "../../src/generation/options.ts";
import { chooseBySampling, chooseGreedily, roomAfter, topLogprobs } from "../../src/generation/sample.ts";
import type { Chooser } from "../../src/generation/sample.ts";
import { freshLogprobs, tinyLanguageModel } from "./models.ts";

const lm = tinyLanguageModel(21);

function chooser(options: Omit<SampleOptions, "strategy">): Chooser {
  const resolved = resolveOptions(lm, { ...options, strategy: "sample" });
  if (resolved.strategy !== "sample") throw new Error("another strategy");
  return chooseBySampling(resolved);
}

/** The processed distribution by its definition: softmax(score / temperature), cut to topK, then to topP, renormalised. */
function distribution(
  logprobs: Float32Array,
  { temperature = 1, topK = 12, topP = 1 }: Omit<SampleOptions, "strategy">,
): number[] {
  const scores = logprobs.map((logprob) => logprob / temperature);
  keepTopK(scores, topK);
  keepTopP(scores, topP);
  const weights = Array.from(scores, Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Pearson's statistic of counts against probabilities; Infinity where something impossible was drawn. */
function chiSquared(counts: readonly number[], probs: readonly number[], draws: number): number {
  return probs.reduce((sum, prob, token) => {
    if (prob === 0) return counts[token] === 0 ? sum : Infinity;
    return sum + (counts[token] - draws * prob) ** 2 / (draws * prob);
  }, 0);
}

/** Quantiles of the chi-squared distribution at 0.999, by degrees of freedom. */
const CRITICAL = [0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88, 29.59, 31.26];

describe("sampling", () => {
  const cases: Omit<SampleOptions, "strategy">[] = [
    {},
    { temperature: 0.5 },
    { temperature: 3 },
    { topK: 4 },
    { topP: 0.6 },
    { temperature: 2, topK: 6, topP: 0.8 },
  ];

  it.each(cases)("draws each token as often as its probability says: %j", (options) => {
    const logprobs = freshLogprobs(lm.model, [0, 1, 2]);
    const probs = distribution(logprobs, options);
    const choose = chooser({ ...options, seed: 5 });
    const draws = 20_000;
    const counts = new Array<number>(12).fill(0);
    for (let draw = 0; draw < draws; draw++) counts[choose(logprobs.slice())]++;
    const freedom = probs.filter((prob) => prob > 0).length - 1;
    expect(freedom).toBeGreaterThan(0);
    expect(chiSquared(counts, probs, draws)).toBeLessThan(CRITICAL[freedom]);
  });

  it("the measure sees a wrong distribution", () => {
    const logprobs = freshLogprobs(lm.model, [0, 1, 2]);
    const choose = chooser({ temperature: 1.1, seed: 5 });
    const counts = new Array<number>(12).fill(0);
    for (let draw = 0; draw < 20_000; draw++) counts[choose(logprobs.slice())]++;
    expect(chiSquared(counts, distribution(logprobs, {}), 20_000)).toBeGreaterThan(CRITICAL[11]);
  });

  it("writes texts whose first tokens follow the model's distribution", async () => {
    const probs = distribution(freshLogprobs(lm.model, [0, 1, 2]), { topK: 5 });
    const counts = new Array<number>(12).fill(0);
    for (let seed = 0; seed < 1000; seed++)
      counts[(await generate(lm, "abc", { strategy: "sample", topK: 5, seed, maxNewTokens: 1 })).tokens[0]]++;
    expect(chiSquared(counts, probs, 1000)).toBeLessThan(CRITICAL[probs.filter((prob) => prob > 0).length - 1]);
  });

  it("writes the same text with the same seed, and others with others", async () => {
    const texts = await Promise.all(
      [1, 1, 2, 3, 4].map(
        async (seed) => (await generate(lm, "a", { strategy: "sample", temperature: 4, seed, maxNewTokens: 20 })).text,
      ),
    );
    expect(texts[0]).toBe(texts[1]);
    expect(new Set(texts).size).toBe(4);
  });

  it("gives the seed that it chose, which writes the text again", async () => {
    const first = await generate(lm, "a", { strategy: "sample", maxNewTokens: 20 });
    expect(first.seed).toBeTypeOf("number");
    const again = await generate(lm, "a", { strategy: "sample", maxNewTokens: 20, seed: first.seed });
    expect(again.tokens).toEqual(first.tokens);
    expect((await generate(lm, "a", { maxNewTokens: 1 })).seed).toBeUndefined();
  });

  it("with topK 1, a tiny topP or a tiny temperature is greedy search", async () => {
    const greedy = await generate(lm, "ab", { maxNewTokens: 15 });
    for (const options of [
      { topK: 1 },
      { topP: 1e-6 },
      { temperature: 1e-3 },
      { temperature: 1e-30 },
      { temperature: Number.MIN_VALUE },
    ]) {
      expect((await generate(lm, "ab", { strategy: "sample", seed: 8, maxNewTokens: 15, ...options })).tokens).toEqual(
        greedy.tokens,
      );
    }
  });

  it("with a huge temperature draws every allowed token alike, and never a forbidden one", async () => {
    const counts = new Array<number>(12).fill(0);
    const { tokens } = await generate(tinyLanguageModel(21, { contextLength: 3000, nLayers: 1 }), "ab", {
      strategy: "sample",
      seed: 8,
      temperature: 1e30,
      logitBias: { 3: -Infinity },
      maxNewTokens: 600,
    });
    for (const token of tokens) counts[token]++;
    expect(counts[3]).toBe(0);
    expect(
      chiSquared(
        counts.filter((_, token) => token !== 3),
        new Array<number>(11).fill(1 / 11),
        600,
      ),
    ).toBeLessThan(CRITICAL[10]);
  });

  it("reports the model's own log-probabilities, before temperature and penalties", async () => {
    const { tokens, logprobs } = await generate(lm, "ab", {
      strategy: "sample",
      seed: 8,
      temperature: 3,
      repetitionPenalty: 2,
      maxNewTokens: 6,
    });
    tokens.forEach((token, i) =>
      expect(Math.abs(logprobs[i] - freshLogprobs(lm.model, [0, 1, ...tokens.slice(0, i)])[token])).toBeLessThan(1e-4),
    );
  });

  it("is an error where the options leave no token", async () => {
    const logitBias = Object.fromEntries(Array.from({ length: 12 }, (_, token) => [token, -Infinity]));
    for (const strategy of ["greedy", "sample"] as const) {
      await expect(generate(lm, "ab", { strategy, logitBias })).rejects.toThrow(
        "generate: logitBias and the other options forbid every token; allow at least one",
      );
    }
  });
});

describe("the parts of sampling", () => {
  it("greedy choice is the first of the greatest", () => {
    expect(chooseGreedily(Float32Array.of(1, 5, 5, 2))).toBe(1);
  });

  it("the room after a prompt reaches one token beyond the context, which need not be read", () => {
    const { contextLength } = lm.model.config;
    const prompt = new Array<number>(contextLength - 3).fill(0);
    expect(roomAfter(lm, prompt, 4)).toEqual({ room: 4, full: "length" });
    expect(roomAfter(lm, prompt, 5)).toEqual({ room: 4, full: "context" });
    expect(roomAfter(lm, new Array<number>(contextLength).fill(0), 9)).toEqual({ room: 1, full: "context" });
  });

  it("the likeliest log-probabilities come likeliest first", () => {
    expect(topLogprobs(Float32Array.of(-3, -1, -2), 2)).toEqual([
      { token: 1, logprob: -1 },
      { token: 2, logprob: -2 },
    ]);
    expect(topLogprobs(Float32Array.of(-3), 0)).toEqual([]);
  });
});
