/** One call for all strategies: awaited, read piece by piece, left early, stopped, or refused. */
import { describe, expect, it } from "vitest";
import { AbortError, ConfigError } from "../../src/errors.ts";
import { generate } from "../../src/generation/generate.ts";
import type { GenerationPiece } from "../../src/generation/generate.ts";
import type { LanguageModel } from "../../src/language-model.ts";
import { BPETokenizer } from "../../src/tokenizer/bpe.ts";
import { ScriptedModel, letters, scripted, strategies, tinyLanguageModel, tinyModel } from "./models.ts";

const names = Object.keys(strategies) as (keyof typeof strategies)[];

async function piecesOf(generation: AsyncIterable<GenerationPiece>): Promise<GenerationPiece[]> {
  const pieces: GenerationPiece[] = [];
  for await (const piece of generation) pieces.push(piece);
  return pieces;
}

describe.each(names)("a %s generation", (strategy) => {
  const lm = tinyLanguageModel(31);
  const options = { ...strategies[strategy], maxNewTokens: 9 };

  it("gives pieces that together are the awaited result", async () => {
    const generation = generate(lm, "abc", { ...options, logprobs: 3 });
    const pieces = await piecesOf(generation);
    const result = await generation;
    expect(pieces.map(({ text }) => text).join("")).toBe(result.text);
    expect(pieces.map(({ token }) => token)).toEqual(result.tokens);
    expect(pieces.map(({ logprob }) => logprob)).toEqual(result.logprobs);
    expect(pieces.map(({ topLogprobs }) => topLogprobs)).toEqual(result.topLogprobs);
    const { usage: _, ...again } = await generate(lm, "abc", { ...options, logprobs: 3 });
    expect(result).toMatchObject(again);
  });

  it("that is left before its first piece still has a result", async () => {
    const generation = generate(lm, "abc", options);
    await generation[Symbol.asyncIterator]().return?.();
    expect(await generation).toMatchObject({ text: "", tokens: [], finishReason: "aborted" });
  });

  it("has a finally, as promises have", async () => {
    let settled = 0;
    await generate(lm, "abc", options).finally(() => settled++);
    await expect(generate(lm, [], options).finally(() => settled++)).rejects.toThrow(ConfigError);
    expect(settled).toBe(2);
  });

  it("takes a typed array of tokens", async () => {
    const { tokens } = await generate(lm, Int32Array.of(1, 2, 3), options);
    expect(tokens).toEqual((await generate(lm, [1, 2, 3], options)).tokens);
  });

  it("needs a signal that is one", async () => {
    const signal = "stop" as unknown as AbortSignal;
    await expect(generate(lm, "abc", { ...options, signal })).rejects.toThrow(
      "generate: signal must be an AbortSignal, got stop",
    );
  });

  it("says what it cost", async () => {
    const before = performance.now();
    const { usage, tokens } = await generate(lm, "abc", options);
    const elapsed = performance.now() - before;
    expect([usage.promptTokens, usage.completionTokens]).toEqual([3, tokens.length]);
    expect(usage.timeToFirstToken).toBeGreaterThan(0);
    expect(usage.timeToFirstToken).toBeLessThanOrEqual(elapsed);
    expect(usage.tokensPerSecond).toBeGreaterThanOrEqual(tokens.length / (elapsed / 1000));
  });

  it("reports the likeliest tokens when asked, and only then", async () => {
    const result = await generate(lm, "abc", { ...options, logprobs: 3 });
    expect(result.topLogprobs).toHaveLength(result.tokens.length);
    for (const [i, top] of (result.topLogprobs ?? []).entries()) {
      expect(top).toHaveLength(3);
      expect(top[0].logprob).toBeGreaterThanOrEqual(top[1].logprob);
      for (const { token, logprob } of top) if (token === result.tokens[i]) expect(logprob).toBe(result.logprobs[i]);
    }
    expect(await generate(lm, "abc", options)).not.toHaveProperty("topLogprobs");
    expect((await piecesOf(generate(lm, "abc", options)))[0]).not.toHaveProperty("topLogprobs");
  });

  it("can be awaited again after it was read or awaited, with the same result", async () => {
    const generation = generate(lm, "abc", options);
    const first = await generation;
    expect(await generation).toBe(first);
  });

  it("can be read once only", async () => {
    const generation = generate(lm, "abc", options);
    await piecesOf(generation);
    await expect(piecesOf(generation)).rejects.toThrow("generate: this generation was already read or awaited");
    const awaited = generate(lm, "abc", options);
    await awaited;
    await expect(piecesOf(awaited)).rejects.toThrow(ConfigError);
  });

  it("starts only when it is asked for", async () => {
    const counting = scripted("bcdef");
    const generation = generate(counting, "a", options);
    await Promise.resolve();
    expect(counting.model.calls).toBe(0);
    await generation;
    expect(counting.model.calls).toBe(9);
  });

  it("gives its errors to whoever awaits and to whoever reads", async () => {
    const tooLong = generate(lm, "a".repeat(33), options);
    await expect(piecesOf(tooLong)).rejects.toThrow(ConfigError);
    await expect(tooLong).rejects.toThrow(ConfigError);
    expect(await generate(lm, "a".repeat(33), options).catch((error: unknown) => error)).toBeInstanceOf(ConfigError);
  });
});

describe("the end of a text", () => {
  it("is the greatest number of tokens, an end-of-text token, a stop text, or the end of the context", async () => {
    const ends = async (options: Parameters<typeof generate>[2], contextLength?: number): Promise<unknown[]> => {
      const { text, tokens, finishReason } = await generate(scripted("bcdefgh", contextLength), "a", options);
      return [text, tokens.length, finishReason];
    };
    expect(await ends({ maxNewTokens: 3 })).toEqual(["bcd", 3, "length"]);
    expect(await ends({ eosIds: letters.encode("e") })).toEqual(["bcd", 3, "stop"]);
    expect(await ends({ stop: "e" })).toEqual(["bcd", 4, "stop"]);
    expect(await ends({ stop: ["x", "de"] })).toEqual(["bc", 4, "stop"]);
    expect(await ends({}, 4)).toEqual(["bcde", 4, "context"]);
    expect(await ends({ maxNewTokens: 4 }, 4)).toEqual(["bcde", 4, "length"]);
  });

  it("is not hidden by a stop text that only began", async () => {
    const generation = generate(scripted("bcdefg"), "a", { stop: "fgx", maxNewTokens: 6 });
    const pieces = await piecesOf(generation);
    expect(pieces.map(({ text }) => text)).toEqual(["b", "c", "d", "e", "", "fg"]);
    expect(await generation).toMatchObject({ text: "bcdefg", finishReason: "length" });
  });

  it.each(names)("ends at a special token that is a stop text, with strategy %s", async (strategy) => {
    const tokenizer = BPETokenizer.train("a b c ".repeat(20), { vocabSize: 270, specialTokens: ["<|end|>"] });
    const model = tinyModel(3, { vocabSize: tokenizer.vocabSize });
    const end = tokenizer.tokenToId("<|end|>") as number;
    const options = {
      ...strategies[strategy],
      stop: "<|end|>",
      eosIds: [],
      logitBias: { [end]: 1000 },
      maxNewTokens: 4,
    };
    expect(await generate({ model, tokenizer }, "a", options)).toMatchObject({
      text: "",
      tokens: [],
      finishReason: "stop",
    });
  });

  it("waits for minNewTokens", async () => {
    const lm = scripted("bcdefgh");
    const { tokens } = await generate(lm, "a", { eosIds: letters.encode("bcd"), minNewTokens: 3, maxNewTokens: 5 });
    expect(tokens).toHaveLength(5);
    for (const token of tokens.slice(0, 3)) expect(letters.encode("bcd")).not.toContain(token);
  });

  it("comes before the first token where the model ends at once", async () => {
    const result = await generate(scripted("bc"), "a", { eosIds: letters.encode("b") });
    expect(result).toMatchObject({ text: "", tokens: [], logprobs: [], finishReason: "stop" });
    expect(result.sequences).toEqual([{ text: "", tokens: [], score: 0, finishReason: "stop" }]);
  });

  it("comes when the reader leaves: no more work is done, and what there is can be awaited", async () => {
    const lm = scripted("bcdefghijkl");
    const generation = generate(lm, "a");
    for await (const { text } of generation) if (text === "d") break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(lm.model.calls).toBe(3);
    expect(await generation).toMatchObject({ text: "bcd", finishReason: "aborted" });
  });

  it("comes through the signal: as an error, or as a text that is cut short", async () => {
    await expect(generate(scripted("bcd"), "a", { signal: AbortSignal.abort("why") })).rejects.toThrow(AbortError);
    await expect(generate(scripted("bcd"), "a", { signal: AbortSignal.abort("why") })).rejects.toMatchObject({
      cause: "why",
      code: "aborted",
    });
    const controller = new AbortController();
    const lm = scripted("bcdefgh");
    const generation = generate(lm, "a", { signal: controller.signal, onAbort: "return" });
    for await (const { text } of generation) if (text === "d") controller.abort();
    expect(await generation).toMatchObject({ text: "bcd", finishReason: "aborted", usage: { completionTokens: 3 } });
    expect(lm.model.calls).toBe(3);
  });

  it("can be asked for by a timer while the model works", async () => {
    const endless = tinyLanguageModel(31, { contextLength: 4096, dModel: 32 });
    const result = await generate(endless, "a", {
      signal: AbortSignal.timeout(150),
      onAbort: "return",
      maxNewTokens: 4000,
    });
    expect(result.finishReason).toBe("aborted");
    expect(result.tokens.length).toBeGreaterThan(0);
  });
});

describe("a prompt", () => {
  const lm = tinyLanguageModel(31);

  it("that is empty stands for the begin-of-text token, where there is one", async () => {
    const withBos: LanguageModel = { ...lm, generationDefaults: { bosId: 4 } };
    const fromBos = await generate(withBos, "", { maxNewTokens: 5 });
    expect(fromBos.tokens).toEqual((await generate(lm, [4], { maxNewTokens: 5 })).tokens);
    expect(fromBos.usage.promptTokens).toBe(1);
    await expect(generate(lm, "")).rejects.toThrow(
      'generate: the prompt "" stands for a begin-of-text token, and this model has none; give some text',
    );
  });

  it("may fill the context, and then one token follows", async () => {
    const result = await generate(lm, "ab".repeat(16));
    expect([result.tokens.length, result.finishReason]).toEqual([1, "context"]);
  });

  it("that exceeds the context is an error that says what to do", async () => {
    await expect(generate(lm, "a".repeat(33))).rejects.toThrow(
      "generate: the prompt has 33 tokens, the model's context is 32; shorten the prompt, e.g. keep its last 32 tokens",
    );
  });

  it.each([[[]], [null], [5], [undefined], [{ length: 1 }]])("cannot be %j", async (prompt) => {
    await expect(generate(lm, prompt as unknown as string)).rejects.toThrow(ConfigError);
  });

  it("may only hold tokens of the vocabulary", async () => {
    for (const token of [12, -1, 0.5])
      await expect(generate(lm, [token])).rejects.toThrow(
        /^generate: token .* at position 0 is not in the model's vocabulary of 12$/,
      );
  });

  it("is not changed", async () => {
    const prompt = Object.freeze([1, 2, 3]);
    for (const strategy of names) await generate(lm, prompt, { ...strategies[strategy], maxNewTokens: 3 });
    expect(prompt).toEqual([1, 2, 3]);
  });
});

describe("a model and its tokenizer", () => {
  it("must belong together: the model knows every token", async () => {
    const small = { model: tinyModel(1, { vocabSize: 11 }), tokenizer: letters };
    await expect(generate(small, "ab")).rejects.toThrow(
      "generate: the tokenizer has 12 tokens, the model only 11; build the model with vocabSize: tokenizer.vocabSize",
    );
  });

  it("need not be of one size: what only the model knows has no text", async () => {
    const tokens = [0, 11, 12, 13, 1];
    for (const options of [{}, { stop: "x" }, { strategy: "beam", numBeams: 1 }] as const) {
      const padded = { model: new ScriptedModel(tokens, 16), tokenizer: letters };
      expect(await generate(padded, "a", { ...options, maxNewTokens: 5 })).toMatchObject({ text: "alb", tokens });
    }
  });

  it("are what generate needs first", async () => {
    await expect(generate(undefined as unknown as LanguageModel, "ab")).rejects.toThrow(
      "generate: the first argument must be { model, tokenizer }, as loadModel gives it",
    );
    await expect(generate(tinyModel(1) as unknown as LanguageModel, "ab")).rejects.toThrow(ConfigError);
  });
});

describe("characters of several tokens", () => {
  const bytes = BPETokenizer.train("plain words only", { vocabSize: 258 });
  const written = "a 🙂 é 👩‍👩‍👧 中!";
  const script = bytes.encode(written);
  const lm: LanguageModel = { model: new ScriptedModel(script, bytes.vocabSize, 128), tokenizer: bytes };

  it("reach the reader whole", async () => {
    const pieces = await piecesOf(generate(lm, [0], { maxNewTokens: script.length }));
    expect(pieces).toHaveLength(script.length);
    expect(pieces.length).toBeGreaterThan(written.length); // so characters were split over tokens
    for (const { text } of pieces) {
      expect(text).not.toMatch(/\p{Surrogate}/u);
      expect(text).not.toContain("\ufffd");
    }
    expect(pieces.map(({ text }) => text).join("")).toBe(written);
  });

  it("show as U+FFFD where the text ends inside one", async () => {
    const result = await generate(lm, [0], { maxNewTokens: bytes.encode("a ").length + 2 });
    expect(result.text).toBe("a \ufffd");
  });

  it("can stop a text", async () => {
    const result = await generate(lm, [0], { stop: "é" });
    expect([result.text, result.finishReason]).toEqual(["a 🙂 ", "stop"]);
  });
});
