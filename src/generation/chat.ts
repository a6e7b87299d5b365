/** Chat: a conversation in, the assistant's answer out. */
import { ConfigError, checkOptions, describeValue } from "../errors.ts";
import type { LanguageModel } from "../language-model.ts";
import type { ChatMessage, ChatTemplateOptions } from "../tokenizer/chat-template.ts";
import { encodeChat, endOfTurn } from "../tokenizer/chat-tokens.ts";
import { Generation } from "./generate.ts";
import type { GenerationRequest } from "./generate.ts";
import type { GenerateOptions } from "./options.ts";

/** Options of `chat` beside those of `generate`. */
export interface ChatTemplating {
  /** Descriptions of tools, as JSON schemas. */
  tools?: readonly object[];
  /** Documents to answer from. */
  documents?: readonly object[];
  /** Whether the model goes on with the last message instead of answering it. Default false. */
  continueFinalMessage?: boolean;
  /** Further variables of the template, such as `{ enable_thinking: false }`. */
  templateVariables?: Readonly<Record<string, unknown>>;
  /** Whether special tokens that stand in messages, tools and documents count as such. Default false: they are plain text. */
  allowSpecialInMessages?: boolean;
}

/** Options of `chat`. */
export type ChatOptions = GenerateOptions & ChatTemplating;

/**
 * Answers a conversation, through the tokenizer's chat template. The text of the result is the answer alone; it ends at the
 * model's end-of-text tokens, at the tokenizer's, and at the token that ends an assistant's turn in the template (`eosIds`
 * takes the place of all of them).
 *
 * ```ts
 * const messages = [{ role: "user", content: "Name a sea." }];
 * const { text } = await chat(lm, messages, { maxNewTokens: 50 });
 * messages.push({ role: "assistant", content: text });
 * ```
 *
 * @returns as `generate`: await it or iterate over it; it rejects as `generate` does, with a ConfigError if there is no chat
 *   template, and with a TokenizerError if the template refuses the messages or cannot be run
 */
export function chat(lm: LanguageModel, messages: readonly ChatMessage[], options: ChatOptions = {}): Generation {
  return new Generation(lm, () => prepare(lm, messages, options));
}

function prepare(lm: LanguageModel, messages: readonly ChatMessage[], given: ChatOptions): GenerationRequest {
  if (lm?.tokenizer === undefined) throw new ConfigError("chat: needs { model, tokenizer }, as loadModel gives it");
  if (typeof given !== "object" || given === null)
    throw new ConfigError(`chat: options must be an object, got ${describeValue(given)}`);
  const { tools, documents, continueFinalMessage, templateVariables, allowSpecialInMessages, ...options } = given;
  checkOptions("chat (templateVariables)", templateVariables, Object.keys(templateVariables ?? {})); // an object at all
  const { tokenizer, generationDefaults, model } = lm;
  const template: ChatTemplateOptions = { ...templateVariables, tools, documents };
  const prompt = encodeChat(tokenizer, messages, {
    ...template,
    continueFinalMessage,
    addGenerationPrompt: !continueFinalMessage,
    allowSpecialInMessages,
  });
  const known = [...(generationDefaults?.eosIds ?? []), tokenizer.eosId, endOfTurn(tokenizer, template)];
  const inModel = (id: number | undefined): id is number => id !== undefined && id < model.config.vocabSize;
  const eosIds = options.eosIds ?? [...new Set(known.filter(inModel))];
  return { prompt, options: { ...options, eosIds } as GenerateOptions };
}
