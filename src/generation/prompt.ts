/** Prompts as tokens. */
import { ConfigError } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { checkVocabulary } from "../model/transformer.ts";

/** What a model is given to continue: a text, or tokens as they are. */
export type Prompt = string | ArrayLike<number>;

/**
 * The tokens of a prompt. A text gets the tokens that the tokenizer's template adds (BOS, where it has one); "" means BOS
 * alone; tokens are taken as they are.
 *
 * @param limit the greatest number of tokens that the operation takes
 * @throws ConfigError for a text without a tokenizer, an empty prompt that nothing stands for, a token that the model does
 *   not know, or a prompt that is too long
 */
export function promptTokens(
  operation: string,
  lm: LanguageModel,
  prompt: Prompt,
  limit: number = lm?.model?.config.contextLength ?? 0,
): readonly number[] {
  if (lm?.model === undefined)
    throw new ConfigError(`${operation}: the first argument must be { model, tokenizer }, as loadModel gives it`);
  if (typeof prompt !== "string" && !Array.isArray(prompt) && !ArrayBuffer.isView(prompt))
    throw new ConfigError(
      `${operation}: the prompt must be a text or a list of token ids, got ${prompt === null ? "null" : typeof prompt}`,
    );
  const tokens = typeof prompt === "string" ? textTokens(operation, lm, prompt) : Array.from(prompt);
  if (tokens.length === 0) throw new ConfigError(`${operation}: the prompt has no tokens; give at least one`);
  const { vocabSize } = lm.model.config;
  const unknown = tokens.findIndex((token) => !(Number.isInteger(token) && token >= 0 && token < vocabSize));
  if (unknown !== -1) {
    throw new ConfigError(
      `${operation}: token ${String(tokens[unknown])} at position ${unknown} is not in the model's vocabulary of ${vocabSize}`,
      { token: tokens[unknown], position: unknown, vocabSize },
    );
  }
  if (tokens.length > limit) {
    throw new ConfigError(
      `${operation}: the prompt has ${tokens.length} tokens, the model's context is ${lm.model.config.contextLength}; shorten the prompt, e.g. keep its last ${limit} tokens`,
      { tokens: tokens.length, limit },
    );
  }
  return tokens;
}

function textTokens(
  operation: string,
  { model, tokenizer, generationDefaults }: LanguageModel,
  text: string,
): readonly number[] {
  if (tokenizer === undefined)
    throw new ConfigError(
      `${operation}: a text prompt needs a tokenizer; give { model, tokenizer }, or the prompt as a list of token ids`,
    );
  checkVocabulary(operation, model, tokenizer.vocabSize);
  if (text !== "") return tokenizer.encode(text, { addSpecialTokens: true });
  const bosId = generationDefaults?.bosId ?? tokenizer.bosId;
  if (bosId === undefined)
    throw new ConfigError(
      `${operation}: the prompt "" stands for a begin-of-text token, and this model has none; give some text`,
    );
  return [bosId];
}
