/** Writing one text, a token at a time: the likeliest, or one drawn at random. */
import { ConfigError, throwIfAborted } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { Random } from "../random.ts";
import { turns } from "../turn.ts";
import { applyTemperature, argmax, keepTopK, keepTopP, likeliest, processScores, toProbabilities } from "./logits.ts";
import type { Scores } from "./logits.ts";
import { forwardRow } from "./forward.ts";
import type { ResolvedCommon, ResolvedOptions } from "./options.ts";

/** A token and its log-probability, in nats. */
export interface TokenLogprob {
  token: number;
  logprob: number;
}

/** A token that was written, and what the model thought of it. */
export interface WrittenToken extends TokenLogprob {
  /** The likeliest tokens at this place, as many as were asked for. */
  topLogprobs: TokenLogprob[];
}

/** Why a text ended. */
export type FinishReason = "stop" | "length" | "context" | "aborted";

/** Picks a token from a processed row of logits. */
export type Chooser = (logits: Scores) => number;

/** The likeliest token. */
export const chooseGreedily: Chooser = argmax;

/** Draws tokens after temperature, topK and topP, in this order. */
export function chooseBySampling({
  temperature,
  topK,
  topP,
  seed,
}: Extract<ResolvedOptions, { strategy: "sample" }>): Chooser {
  const random = new Random(seed);
  return (logits) => {
    // Seen from the greatest score, the probabilities are the same, and no division by a small temperature makes all infinite.
    const greatest = logits[argmax(logits)];
    for (let i = 0; i < logits.length; i++) logits[i] -= greatest;
    applyTemperature(logits, temperature);
    if (topK > 0) keepTopK(logits, topK);
    keepTopP(logits, topP);
    return random.categorical(toProbabilities(logits));
  };
}

/** How many tokens may follow a prompt: the last one need not be read by the model again. */
export function roomAfter(
  lm: LanguageModel,
  prompt: readonly number[],
  maxNewTokens: number,
): { room: number; full: FinishReason } {
  const untilContext = lm.model.config.contextLength - prompt.length + 1;
  return maxNewTokens <= untilContext
    ? { room: maxNewTokens, full: "length" }
    : { room: untilContext, full: "context" };
}

/**
 * Writes one text token by token. Log-probabilities are the model's own, before penalties and temperature.
 *
 * @returns why it ended, as the generator's return value
 */
export async function* writeTokens(
  lm: LanguageModel,
  prompt: readonly number[],
  options: ResolvedCommon,
  choose: Chooser,
): AsyncGenerator<WrittenToken, FinishReason> {
  const { room, full } = roomAfter(lm, prompt, options.maxNewTokens);
  const kvCache = lm.model.newCache();
  const turn = turns();
  const tokens = [...prompt];
  let unread: readonly number[] = prompt;
  try {
    for (let written = 0; written < room; written++) {
      await turn();
      throwIfAborted(options.signal, "generate");
      const { logits, logprobs } = forwardRow(lm, unread, kvCache);
      processScores(logits, tokens, written, options);
      if (logits[argmax(logits)] === -Infinity) nothingAllowed(written);
      const token = choose(logits);
      if (options.eosIds.includes(token)) return "stop";
      tokens.push(token);
      unread = [token];
      yield { token, logprob: logprobs[token], topLogprobs: topLogprobs(logprobs, options.logprobs) };
    }
    return full;
  } finally {
    kvCache.dispose();
  }
}

/** Throws the error for options that leave no token to write after `written` ones. */
export function nothingAllowed(written: number): never {
  throw new ConfigError("generate: logitBias and the other options forbid every token; allow at least one", {
    written,
  });
}

/** The `count` likeliest tokens of a row of log-probabilities, likeliest first. */
export function topLogprobs(logprobs: Scores, count: number): TokenLogprob[] {
  return count === 0 ? [] : likeliest(logprobs, count).map((token) => ({ token, logprob: logprobs[token] }));
}
