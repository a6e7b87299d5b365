/** Beam search finds what searching everything finds, keeps its promises, and ends where it should. */
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { generate } from "../../src/generation/generate.ts";
import type { GeneratedSequence, GenerationResult } from "../../src/generation/generate.ts";
import { penalizeRepetition } from "../../src/generation/logits.ts";
import type { BeamOptions } from "../../src/generation/options.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import type { Transformer } from "../../src/model/transformer.ts";
import { freshLogprobs, letters, scripted, tinyLanguageModel, tinyModel } from "./models.ts";

type Settings = Omit<BeamOptions, "strategy">;

const beam = async (lm: LanguageModel, prompt: string | number[], options: Settings): Promise<GenerationResult> =>
  generate(lm, prompt, { ...options, strategy: "beam" });

/** The length that a score is divided by. */
function divisor(
  sequence: { tokens: readonly number[]; ended: boolean },
  promptLength: number,
  { lengthPenalty = 1, lengthNormalization = "generated" }: Settings,
): number {
  const length =
    lengthNormalization === "full"
      ? promptLength + sequence.tokens.length
      : sequence.tokens.length + (sequence.ended ? 1 : 0);
  return Math.max(1, length) ** lengthPenalty;
}

/** Every text there is, with its score, best first: all ways to end within `steps` tokens, and all that do not end. */
function searchEverything(
  model: Transformer,
  prompt: readonly number[],
  steps: number,
  eos: number,
  options: Settings,
): { tokens: number[]; score: number }[] {
  const found: { tokens: number[]; score: number }[] = [];
  const visit = (tokens: number[], total: number): void => {
    const finish = (sum: number, ended: boolean): void =>
      void found.push({ tokens, score: sum / divisor({ tokens, ended }, prompt.length, options) });
    if (tokens.length === steps) return finish(total, false);
    const logprobs = freshLogprobs(model, [...prompt, ...tokens]);
    logprobs.forEach((logprob, token) => {
      if (token === eos) finish(total + logprob, true);
      else visit([...tokens, token], total + logprob);
    });
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

/** A sequence's score from the model's own probabilities, computed without a cache. */
function scoreOf(
  model: Transformer,
  prompt: readonly number[],
  { tokens, finishReason }: GeneratedSequence,
  eos: number,
  options: Settings,
): number {
  const ended = finishReason === "stop";
  let total = 0;
  [...tokens, ...(ended ? [eos] : [])].forEach((token, i) => {
    const before = [...prompt, ...tokens.slice(0, i)];
    const row = freshLogprobs(model, before);
    if (options.repetitionPenalty !== undefined) penalizeRepetition(row, before, options.repetitionPenalty);
    total += row[token];
  });
  return total / divisor({ tokens, ended }, prompt.length, options);
}

const combinations = (["generated", "full"] as const).flatMap((lengthNormalization) =>
  [0, 1, 2].map((lengthPenalty) => ({ lengthNormalization, lengthPenalty })),
);

describe("a beam as wide as everything", () => {
  const prompt = [1, 2];
  const steps = 4;
  const width = 3 ** 3 * 4; // more than all that one step can grow to

  it.each(combinations)(
    "is exhaustive search, with length normalisation $lengthNormalization and penalty $lengthPenalty",
    async (options) => {
      for (const seed of [1, 2, 3]) {
        const model = tinyModel(seed, { vocabSize: 4, contextLength: 8, dModel: 8, nLayers: 1 });
        const expected = searchEverything(model, prompt, steps, 0, options);
        const { sequences } = await beam({ model }, prompt, {
          ...options,
          numBeams: 2 * width,
          numReturnSequences: 2 * width,
          maxNewTokens: steps,
          eosIds: [0],
          earlyStopping: "never",
        });
        expect(sequences).toHaveLength(expected.length);
        const scores = new Map(expected.map(({ tokens, score }) => [tokens.join(), score]));
        sequences.forEach(({ tokens, score }, rank) => {
          expect(Math.abs(score - expected[rank].score)).toBeLessThan(1e-4);
          expect(Math.abs(score - (scores.get(tokens.join()) ?? NaN))).toBeLessThan(1e-4);
        });
        expect(new Set(sequences.map(({ tokens }) => tokens.join())).size).toBe(expected.length);
        expect(sequences[0].tokens).toEqual(expected[0].tokens);
      }
    },
  );

  it.each(combinations)(
    "finds the best text when it ends by itself, by both safe rules ($lengthNormalization, $lengthPenalty)",
    async (options) => {
      for (const seed of [4, 5, 6, 7]) {
        const model = tinyModel(seed, { vocabSize: 4, contextLength: 8, dModel: 8, nLayers: 1 });
        const best = searchEverything(model, prompt, steps, 0, options)[0];
        const found = await beam({ model }, prompt, {
          ...options,
          numBeams: width,
          maxNewTokens: steps,
          eosIds: [0],
          earlyStopping: "never",
        });
        expect(found.tokens).toEqual(best.tokens);
      }
    },
  );
});

describe("beam search", () => {
  const lm = tinyLanguageModel(11);

  it("with one beam and no end-of-text token is greedy search", async () => {
    for (const seed of [1, 2, 3, 4]) {
      const each = tinyLanguageModel(seed);
      const greedy = await generate(each, "abc", { maxNewTokens: 12, repetitionPenalty: 1 });
      const found = await beam(each, "abc", { numBeams: 1, maxNewTokens: 12 });
      expect(found.tokens).toEqual(greedy.tokens);
      expect(found.logprobs).toEqual(greedy.logprobs);
    }
  });

  it("gives scores that are the processed log-probabilities over length ^ penalty", async () => {
    for (const options of [
      ...combinations,
      { lengthPenalty: 0.7 },
      { lengthPenalty: -1 },
      { repetitionPenalty: 1.5 },
    ]) {
      const { sequences } = await beam(lm, "abc", {
        ...options,
        numBeams: 4,
        numReturnSequences: 4,
        maxNewTokens: 6,
        eosIds: [2],
      });
      expect(sequences).toHaveLength(4);
      for (const sequence of sequences) {
        expect(Math.abs(sequence.score - scoreOf(lm.model, [0, 1, 2], sequence, 2, options))).toBeLessThan(1e-4);
      }
    }
  });

  it("returns different texts, best first, and the first of them as the result", async () => {
    const result = await beam(lm, "ab", { numBeams: 5, numReturnSequences: 5, maxNewTokens: 6, eosIds: [3] });
    const scores = result.sequences.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(new Set(result.sequences.map(({ tokens }) => tokens.join())).size).toBe(5);
    const { text, tokens, finishReason } = result.sequences[0];
    expect({ text: result.text, tokens: result.tokens, finishReason: result.finishReason }).toEqual({
      text,
      tokens,
      finishReason,
    });
    for (const sequence of result.sequences) expect(sequence.text).toBe(letters.decode(sequence.tokens));
  });

  it("reports the model's own log-probabilities, as score does", async () => {
    const { tokens, logprobs } = await beam(lm, "ab", { maxNewTokens: 6, repetitionPenalty: 3, logprobs: 2 });
    tokens.forEach((token, i) =>
      expect(Math.abs(logprobs[i] - freshLogprobs(lm.model, [0, 1, ...tokens.slice(0, i)])[token])).toBeLessThan(1e-4),
    );
  });

  it("scores no worse than greedy search where nothing ends early", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const each = tinyLanguageModel(seed);
      const sum = (logprobs: readonly number[]): number => logprobs.reduce((total, logprob) => total + logprob, 0);
      const greedy = await generate(each, "ab", { maxNewTokens: 2 });
      const found = await beam(each, "ab", { numBeams: 12, maxNewTokens: 2 }); // with two tokens, twelve beams see all first tokens
      expect(sum(found.logprobs)).toBeGreaterThanOrEqual(sum(greedy.logprobs) - 1e-5);
    }
  });

  it("never writes an end-of-text token, keeps minNewTokens and the n-gram limit", async () => {
    const { sequences } = await beam(lm, "ab", {
      numBeams: 6,
      numReturnSequences: 6,
      maxNewTokens: 8,
      minNewTokens: 3,
      eosIds: [4, 5],
      noRepeatNgram: 1,
    });
    for (const { tokens } of sequences) {
      expect(tokens.filter((token) => token === 4 || token === 5)).toEqual([]);
      expect(tokens.length).toBeGreaterThanOrEqual(3);
      expect(new Set([0, 1, ...tokens]).size).toBe(tokens.length + 2);
    }
  });

  it("fills its beams even where all the best tokens end the text", async () => {
    const eosIds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const { sequences } = await beam(lm, "ab", {
      numBeams: 2,
      numReturnSequences: 2,
      maxNewTokens: 3,
      minNewTokens: 0,
      eosIds,
    });
    expect(sequences).toHaveLength(2);
  });
});

describe("the end of a beam search", () => {
  it("comes with a stop text, which is not part of the text", async () => {
    const lm = tinyLanguageModel(11);
    const free = await beam(lm, "ab", { maxNewTokens: 8 });
    const stop = free.text.slice(2, 4);
    const { sequences } = await beam(lm, "ab", { maxNewTokens: 8, stop, numReturnSequences: 4 });
    for (const { text, finishReason } of sequences) {
      expect(text).not.toContain(stop);
      if (finishReason === "length") expect(text).toHaveLength(8);
    }
    expect(sequences.map(({ finishReason }) => finishReason)).toContain("stop");
  });

  it("comes with a stop text that several tokens make, and says so", async () => {
    const result = await beam(scripted("bcdefgh"), "a", { numBeams: 1, stop: ["ef", "gh"] });
    expect([result.text, result.finishReason]).toEqual(["bcd", "stop"]);
    expect(letters.decode(result.tokens)).toBe("bcdef");
  });

  it("comes with the end of the context", async () => {
    const result = await beam(tinyLanguageModel(11, { contextLength: 6 }), "abcd", {});
    expect([result.tokens.length, result.finishReason]).toEqual([3, "context"]); // the last token need not be read
  });

  it("comes as soon as earlyStopping says, and later rules never score worse", async () => {
    let differences = 0;
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const lm = tinyLanguageModel(seed);
      const run = async (earlyStopping: boolean | "never"): Promise<GeneratedSequence> =>
        (await beam(lm, "ab", { earlyStopping, numBeams: 3, maxNewTokens: 10, eosIds: [3, 4], lengthPenalty: 2 }))
          .sequences[0];
      const [first, likely, never] = [await run(true), await run(false), await run("never")];
      expect(likely.score).toBeGreaterThanOrEqual(first.score);
      expect(never.score).toBeGreaterThanOrEqual(likely.score);
      if (never.score > first.score) differences++;
    }
    expect(differences).toBeGreaterThan(0);
  });

  it("comes through the signal: with an error, or with what there is", async () => {
    const lm = tinyLanguageModel(11);
    await expect(beam(lm, "ab", { signal: AbortSignal.abort("enough") })).rejects.toThrow(AbortError);
    const none = await beam(lm, "ab", { signal: AbortSignal.abort(), onAbort: "return" });
    expect([none.text, none.tokens, none.finishReason]).toEqual(["", [], "aborted"]);
    const stopped = new AbortController();
    const counting = scripted("bcdefghi");
    const forward = counting.model.forward.bind(counting.model);
    counting.model.forward = (...given) => {
      if (counting.model.calls === 3) stopped.abort();
      return forward(...given);
    };
    const some = await beam(counting, "a", { signal: stopped.signal, onAbort: "return" });
    expect([some.text, some.finishReason, counting.model.calls]).toEqual(["bcde", "aborted", 4]);
  });

  it("is an error where the options leave no token", async () => {
    const lm = tinyLanguageModel(11);
    const logitBias = Object.fromEntries(Array.from({ length: 12 }, (_, token) => [token, -Infinity]));
    await expect(beam(lm, "ab", { logitBias })).rejects.toThrow(
      "generate: logitBias and the other options forbid every token; allow at least one",
    );
    await expect(beam(lm, "ab", { noRepeatNgram: 1, maxNewTokens: 20 })).rejects.toThrow(ConfigError);
    const ended = await beam(lm, "ab", { noRepeatNgram: 1, maxNewTokens: 20, eosIds: [5] });
    expect(ended.finishReason).toBe("stop");
  });
});
