/** How likely a text is agrees with what generation reports, and next tokens with the softmax. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { generate } from "../../src/generation/generate.ts";
import { nextTokens, score } from "../../src/generation/score.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { expectError } from "../expect-error.ts";
import { freshLogprobs, letters, strategies, tinyLanguageModel, tinyModel } from "./models.ts";

const lm = tinyLanguageModel(41);

describe("score", () => {
  it("gives each token's log-probability after those before it", () => {
    const { tokens, logprobs } = score(lm, "abcdef");
    expect(tokens).toEqual([0, 1, 2, 3, 4, 5]);
    expect(logprobs).toHaveLength(5);
    logprobs.forEach((logprob, i) =>
      expect(Math.abs(logprob - freshLogprobs(lm.model, tokens.slice(0, i + 1))[tokens[i + 1]])).toBeLessThan(1e-5),
    );
  });

  it("agrees with what every strategy reports while writing", async () => {
    for (const options of Object.values(strategies)) {
      const { text, logprobs } = await generate(lm, "abc", { ...options, maxNewTokens: 12 });
      const whole = score(lm, `abc${text}`).logprobs.slice(2);
      expect(whole).toHaveLength(logprobs.length);
      const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
      expect(Math.abs(sum(whole) - sum(logprobs))).toBeLessThan(1e-4);
    }
  });

  it("has as perplexity exp of the mean surprise: the vocabulary's size for a model that knows nothing", () => {
    const { logprobs, perplexity } = score(lm, "abcdef");
    expect(Math.abs(perplexity / Math.exp(-logprobs.reduce((total, each) => total + each, 0) / 5) - 1)).toBeLessThan(
      1e-6,
    );
    const blank = tinyModel(1);
    for (const parameter of blank.parameters().values()) parameter.data.fill(0);
    expect(score({ model: blank }, [1, 2, 3]).perplexity).toBeCloseTo(12, 4);
  });

  it("leaves no gradient behind and changes no parameter", () => {
    const before = [...lm.model.parameters().values()].map(({ data }) => data.slice());
    score(lm, "abcdef");
    [...lm.model.parameters().values()].forEach(({ data, grad }, i) => {
      expect(grad).toBeNull();
      expect(data).toEqual(before[i]);
    });
  });

  it("needs tokens that the model knows, the last one too", () => {
    expectError(
      () => score(lm, [1, 99]),
      ConfigError,
      /^score: token 99 at position 1 is not in the model's vocabulary/,
    );
  });

  it("needs two tokens and at most one more than the context", () => {
    expectError(
      () => score(lm, "a"),
      ConfigError,
      "score: needs at least two tokens, the first of which is only context, got 1",
    );
    expectError(() => score(lm, []), ConfigError, "score: the prompt has no tokens; give at least one");
    expectError(
      () => score(lm, "a".repeat(34)),
      ConfigError,
      /^score: the prompt has 34 tokens, the model's context is 32/,
    );
    expect(score(lm, "a".repeat(33)).logprobs).toHaveLength(32);
    expectError(() => score({ model: lm.model }, "abc"), ConfigError, /^score: a text prompt needs a tokenizer/);
    expectError(
      () => score(undefined as unknown as LanguageModel, "abc"),
      ConfigError,
      /^score: the first argument must be/,
    );
  });
});

describe("nextTokens", () => {
  it("is the softmax, likeliest first, with each token's text", () => {
    const expected = freshLogprobs(lm.model, [0, 1, 2]);
    const next = nextTokens(lm, "abc", { topK: 12 });
    expect(next.map(({ token }) => token)).toEqual(
      Array.from(expected, (_, token) => token).sort((a, b) => expected[b] - expected[a]),
    );
    for (const { token, text, prob, logprob } of next) {
      expect(text).toBe(letters.decode([token]));
      expect(Math.abs(logprob - expected[token])).toBeLessThan(1e-5);
      expect(Math.abs(prob - Math.exp(expected[token]))).toBeLessThan(1e-6);
    }
    expect(next.reduce((total, { prob }) => total + prob, 0)).toBeCloseTo(1, 6);
  });

  it("gives as many as are asked for: ten by default, or the whole of a smaller vocabulary", () => {
    expect(nextTokens(lm, "abc")).toHaveLength(10);
    expect(nextTokens({ model: tinyModel(1, { vocabSize: 4 }) }, [1])).toHaveLength(4);
    const three = nextTokens(lm, "abc", { topK: 3 });
    expect(three).toEqual(nextTokens(lm, "abc", { topK: 12 }).slice(0, 3));
    expect(three.reduce((total, { prob }) => total + prob, 0)).toBeLessThan(1);
  });

  it("begins with what greedy search writes", async () => {
    expect(nextTokens(lm, "abc", { topK: 1 })[0].token).toBe(
      (await generate(lm, "abc", { maxNewTokens: 1 })).tokens[0],
    );
  });

  it("shows a part of a character as U+FFFD, and a token beyond the tokenizer as nothing", () => {
    const bytes = BPETokenizer.train("plain", { vocabSize: 256 });
    const texts = nextTokens({ model: tinyModel(1, { vocabSize: 258 }), tokenizer: bytes }, "plain", { topK: 258 });
    const [first] = bytes.encode("é");
    expect(texts.find(({ token }) => token === first)?.text).toBe("\ufffd");
    expect(texts.filter(({ token }) => token >= 256).map(({ text }) => text)).toEqual(["", ""]);
  });

  it("refuses what it does not know", () => {
    for (const topK of [0, 13, 1.5])
      expectError(
        () => nextTokens(lm, "abc", { topK }),
        ConfigError,
        `nextTokens: topK must be an integer from 1 to 12, got ${topK}`,
      );
    expectError(
      () => nextTokens(lm, "abc", { topk: 3 } as object),
      ConfigError,
      'nextTokens: unknown option "topk"; known options: topK',
    );
    expectError(
      () => nextTokens(undefined as unknown as LanguageModel, "abc"),
      ConfigError,
      /^nextTokens: the first argument must be/,
    );
  });
});
