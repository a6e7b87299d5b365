/** How likely a text is, and what would come next. */
import { exp } from "../backend/math.ts";
import { ConfigError, checkInteger, checkOptions } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { forwardRow, scoreTokens } from "./forward.ts";
import { likeliest } from "./logits.ts";
import { promptTokens } from "./prompt.ts";
import type { Prompt } from "./prompt.ts";

/** A text as the model sees it. */
export interface ScoreResult {
  /** All tokens of the text, with those that the tokenizer's template adds (BOS). */
  tokens: number[];
  /** logprobs[i] is the log-probability, in nats, of tokens[i + 1] after tokens 0 to i. */
  logprobs: number[];
  /** exp(-mean of logprobs): between how many tokens the model wavers on average. */
  perplexity: number;
}

/**
 * The model's probability of every token of a text.
 *
 * ```ts
 * score(lm, "The ship sailed on the sea.").perplexity;
 * ```
 *
 * @param input as the prompt of `generate`; at least two tokens, at most one more than the context
 */
export function score(lm: LanguageModel, input: Prompt): ScoreResult {
  const tokens = promptTokens("score", lm, input, (lm?.model?.config.contextLength ?? 0) + 1); // the last token is not read
  if (tokens.length < 2)
    throw new ConfigError(
      `score: needs at least two tokens, the first of which is only context, got ${tokens.length}`,
      { tokens: tokens.length },
    );
  const logprobs = scoreTokens(lm, tokens);
  const mean = logprobs.reduce((total, logprob) => total + logprob, 0) / logprobs.length;
  return { tokens: [...tokens], logprobs, perplexity: exp(-mean) };
}

/** A token that may come next. */
export interface NextToken {
  token: number;
  /** Its text; "" without a tokenizer. A part of a character shows as U+FFFD. */
  text: string;
  /** Its probability. */
  prob: number;
  /** Its log-probability, in nats. */
  logprob: number;
}

/**
 * The likeliest next tokens, likeliest first.
 *
 * @param options.topK how many; default 10, at most the vocabulary
 */
export function nextTokens(lm: LanguageModel, prompt: Prompt, options: { topK?: number } = {}): NextToken[] {
  checkOptions("nextTokens", options, ["topK"]);
  const tokens = promptTokens("nextTokens", lm, prompt);
  const { vocabSize } = lm.model.config;
  const { topK = Math.min(10, vocabSize) } = options;
  checkInteger("nextTokens", "topK", topK, 1, vocabSize);
  const kvCache = lm.model.newCache();
  const { logprobs } = forwardRow(lm, tokens, kvCache);
  kvCache.dispose();
  const utf8 = new TextDecoder();
  return likeliest(logprobs, topK).map((token) => ({
    token,
    text: lm.tokenizer?.idToToken(token) === undefined ? "" : utf8.decode(lm.tokenizer.tokenBytes(token)),
    prob: exp(logprobs[token]),
    logprob: logprobs[token],
  }));
}
