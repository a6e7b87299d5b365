/** Prompts as tokens. */
import { ConfigError } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import { checkVocabulary } from "../model/transformer.ts";

/** What a model is given to continue: a text, or tokens as they are. */
export type Prompt = string | readonly number[];

/**
 * The tokens of a prompt, `limit` at most (default: the model's context). A text gets the tokenizer's special tokens (BOS); "" means BOS alone; tokens are taken as they are.
 *
 * @throws ConfigError for a text without a tokenizer, an empty prompt that nothing stands for, or one that exceeds the context
 */
export function promptTokens(operation: string, lm: LanguageModel, prompt: Prompt, limit?: number): readonly number[] {
  if (lm?.model === undefined)
    throw new ConfigError(`${operation}: the first argument must be { model, tokenizer }, as loadModel gives it`);
  const tokens = typeof prompt === "string" ? textTokens(operation, lm, prompt) : prompt;
  if (!Array.isArray(tokens))
    throw new ConfigError(
      `${operation}: the prompt must be a text or a list of token ids, got ${prompt === null ? "null" : typeof prompt}`,
    );
  if (tokens.length === 0) throw new ConfigError(`${operation}: the prompt has no tokens; give at least one`);
  const { contextLength } = lm.model.config;
  if (tokens.length > (limit ?? contextLength)) {
    throw new ConfigError(
      `${operation}: the prompt has ${tokens.length} tokens, the model's context is ${contextLength}; shorten the prompt, e.g. keep its last ${contextLength} tokens`,
      { tokens: tokens.length, contextLength },
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
